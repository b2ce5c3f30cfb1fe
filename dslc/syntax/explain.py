"""What to tell a person about the word at which the parser had to stop."""

from __future__ import annotations

from dslc.diagnostics import Edit, Label, Problem, Repair, did_you_mean
from dslc.elsewhere import STATEMENTS, STATEMENTS_OF_BODIES, foreign
from dslc.errors.syntax import (
    BAD_NUMBER,
    BAD_PIPE,
    CHAINED_COMPARISON,
    MISSING_COMMA,
    MISSING_EXPRESSION,
    PIPE_AFTER_ELSE,
    RESERVED,
    UNCLOSED,
    UNEXPECTED,
    UNKNOWN_STATEMENT,
    UNOPENED,
    WRONG_SIGN,
)
from dslc.syntax.brackets import closing_brace, closing_bracket, no_bracket, other_bracket
from dslc.syntax.comments import comment_hint
from dslc.syntax.language import language
from dslc.syntax.mistake import Mistake, describe, ends_operand, is_end, is_name, starts_operand
from dslc.syntax.statements import FORMS, KEYWORDS, Level, begins_declaration, begins_statement
from dslc.syntax.tokens import END, PARTNER, RESERVED_WORDS

__all__ = ["explain"]

_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_ARITHMETIC = {"+", "-", "*", "/", "//", "%", "@", "**"}
_OPERATORS = _COMPARISONS | _ARITHMETIC | {"and", "or", "not", "->", "."}
_BEFORE_FLOWS = {"=", ",", "output", "minimize", "then", "else", "when"}
_NAMING = {"as", "over", "freeze", "for", "net", "let", "metric", "layer", "field"}


def explain(mistake: Mistake) -> tuple[Problem, str | None]:
    """Return the diagnostic, and the keyword that was probably meant where an unknown one was found."""
    found = next((problem for check in _CHECKS if (problem := check(mistake)) is not None), None)
    problem, meant = (found, None) if found else _unknown_statement(mistake) or (_generic(mistake), None)
    span = problem.diagnostic.span
    may_be_comment = span is not None and problem.diagnostic.code in (UNEXPECTED, MISSING_EXPRESSION)
    hint = comment_hint(span) if span is not None and may_be_comment else None
    return (problem, meant) if hint is None else (problem.advised(hint), None)


# --- One kind of mistake each; None where it is another kind ---------------------------------------


def _missing_brace(m: Mistake) -> Problem | None:
    opener = m.block_opener
    declares = m.level is not Level.FILE and m.at == m.start and begins_declaration(m.tokens, m.at)
    ends = m.found.type == END and m.opener is None and m.level is not Level.FILE and (m.at == m.start or m.whole)
    if opener is None or not (declares or ends):
        return None
    return UNCLOSED(
        "this '{' is never closed",
        hint=closing_brace(m, f"a '}}' is missing before {describe(m.found)}"),
        labels=[Label(m.found.span, "still open here")] if declares else (),
    ).at(opener.span)


def _bracket(m: Mistake) -> Problem | None:
    found, opener = m.found, m.opener
    if opener is not None:
        partner = PARTNER[str(opener)]
        next_line = found.starts_line and begins_statement(m.tokens, m.at, m.level)
        if found.type == END or next_line or (str(found) == "}" and partner != "}"):
            return UNCLOSED(
                f"this '{opener}' is never closed",
                hint=closing_bracket(m, f"a '{partner}' is missing"),
                labels=[Label(found.span, f"expected '{partner}' before this")] if found.type != END else (),
            ).at(opener.span)
        if str(found) in {")", "]", "}"} and str(found) != partner:
            return UNOPENED(
                f"'{found}' cannot close '{opener}'",
                hint=other_bracket(m, f"write '{partner}'"),
                labels=[Label(opener.span, "opened here")],
            ).at(found.span)
    elif str(found) in {")", "]"} or (str(found) == "}" and m.level is Level.FILE and m.whole):
        return UNOPENED(f"this '{found}' closes nothing", hint=no_bracket(m, "remove it")).at(found.span)
    return None


def _arrow(m: Mistake) -> Problem | None:
    """``=>``, of which the first sign may have been read as that of an argument."""
    at = m.at - (str(m.found) == ">")
    first, second = m.tokens[at], m.tokens[min(at + 1, len(m.tokens) - 1)]
    if at < m.start or str(first) != "=" or str(second) != ">" or first.span.end != second.span.start:
        return None
    hint = Repair("for example: x -> Dense(10) -> Relu", "->")
    return WRONG_SIGN("a layer is applied with '->', not '=>'", hint=hint).at(first.span | second.span)


def _pipe(m: Mistake) -> Problem | None:
    found, previous = m.found, m.previous
    if previous is None:
        return None
    if str(previous) == "->" and not is_name(found):
        what = "nothing follows it" if is_end(found) else f"not {describe(found)}"
        return BAD_PIPE(
            f"right of '->' stands a layer: a name, a member or a call; {what}",
            hint="for example 'x -> Dense(10) -> Relu'",
        ).at(found.span if found.type != END else previous.span)
    goes_on = _ARITHMETIC | _COMPARISONS | {"and", "or", "[", "("}
    if str(found) not in goes_on or not ends_operand(previous) or "->" not in map(str, m.before({"->"})):
        return None
    source, start, end = found.span.source, _flow_start(m), previous.span.end
    text = " ".join(source.text[start:end].split())
    operation = "indexing" if str(found) == "[" else "calling" if str(found) == "(" else f"'{found}'"
    shown = text if len(text) <= 60 else f"... -> {text.rsplit('->', 1)[1].strip()}"
    rest = "[...]" if str(found) == "[" else "(...)" if str(found) == "(" else f" {found} ..."
    following = m.tokens[m.at + 1]
    if rest.endswith(" ...") and following.type in {"NUMBER", "NAME"}:
        rest = f" {found} {following}"
    around = [Edit(source.span(start, start), "("), Edit(source.span(end, end), ")")]
    return BAD_PIPE(
        f"a pipe ends with a layer; {operation} needs parentheses around the pipe",
        hint=Repair(f"write ({shown}){rest}", edits=around),
    ).at(found.span)


def _flow_start(m: Mistake) -> int:
    """Return where what flows into a pipe begins; brackets count, which ``before`` leaves out: it may be a tuple."""
    begin = m.before(_BEFORE_FLOWS)
    if begin and str(begin[0]) in _BEFORE_FLOWS:
        begin = begin[1:]
    inner = begin[0] if begin else m.first
    for word in reversed(m.tokens[m.opener.place + 1 if m.opener else m.start : inner.place]):
        if str(word) in _BEFORE_FLOWS:
            break
        inner = word
    return inner.span.start


def _pipe_after_else(m: Mistake) -> Problem | None:
    since = m.before({"else"})
    if str(m.found) != "->" or not since or str(since[0]) != "else":
        return None
    source = m.found.span.source
    branch = " ".join(source.text[since[0].span.end : m.found.span.start].split())
    layer = m.tokens[m.at + 1]
    return PIPE_AFTER_ELSE(
        "a pipe after 'else' needs parentheses",
        hint=f"write else ({branch} -> {layer}...), or put the whole 'if' in parentheses to pipe both results",
        labels=[Label(since[0].span, "this 'else'")],
    ).at(m.found.span)


def _chained(m: Mistake) -> Problem | None:
    if str(m.found) not in _COMPARISONS:
        return None
    since = m.before({"and", "or", "not", "=", ",", "->", "if", "when", "then", "else"})
    earlier = [word for word in since if str(word) in _COMPARISONS]
    if not earlier:
        return None
    hint = "join two comparisons with 'and': a < b and b < c"
    if len(earlier) == 1 and str(since[0]) != "not":
        source, end = m.found.span.source, m.tokens[m.at - 1].span.end
        middle = source.text[earlier[0].span.end : end].strip()
        hint = Repair(hint, edits=[Edit(source.span(end, end), f" and {middle}")])
    return CHAINED_COMPARISON(
        f"'{earlier[0]}' and '{m.found}' cannot be chained",
        hint=hint,
        labels=[Label(earlier[0].span, "the first comparison")],
    ).at(m.found.span)


def _sign(m: Mistake) -> Problem | None:
    found, keyword = str(m.found), str(m.first)
    if found == "=" and "COLON" in m.expected and m.opener is None:
        return WRONG_SIGN(f"the type of '{m.tokens[m.at - 1]}' is missing before '='", hint=_form(m, keyword)).at(
            m.found.span
        )
    if found == "=" and m.opener is None and keyword in {"if", "stop"}:
        return WRONG_SIGN("'=' gives a name its value", hint=Repair("to compare, write '=='", "==")).at(m.found.span)
    takes_no_name = "EQUAL" not in m.expected and m.level in (Level.TRAIN, Level.DATA)
    if found in {"=", ":"} and m.at <= m.start + 2 and takes_no_name and keyword in FORMS[m.level]:
        form = Repair(_form(m, keyword) or "", edits=[_behind_previous(m, "")])
        return WRONG_SIGN(f"'{keyword}' is written without '{found}'", hint=form).at(m.found.span)
    if found == ":" and "lambda" in map(str, m.tokens[max(m.start - 1, 0) : m.at]):
        return WRONG_SIGN(
            "there are no functions without a name", hint="a piece of network is a block: block Name(channels) { ... }"
        ).at(m.found.span)
    if found == ":" and m.opener is not None and str(m.opener) == "(":
        equal = Repair(f"write {m.tokens[m.at - 1]} = ...", edits=[_behind_previous(m, " =")])
        return WRONG_SIGN("an argument gets its value with '='", hint=equal).at(m.found.span)
    if found == ":" and "EQUAL" in m.expected:
        equal = Repair(_form(m, keyword) or f"write {keyword} = ...", edits=[_behind_previous(m, " =")])
        return WRONG_SIGN("expected '=' here, not ':'", hint=equal).at(m.found.span)
    return None


def _reserved(m: Mistake) -> Problem | None:
    word = str(m.found)
    named = _follows(m, "=") and ("NAME" in m.expected or m.whole)
    wants_name = "NAME" in m.expected and "NUMBER" not in m.expected and not m.whole
    if word not in RESERVED_WORDS or not (named or wants_name):
        return None
    return RESERVED(f"'{word}' is reserved and cannot be a name", hint=f"for example '{word}_'").at(m.found.span)


def _missing_comma(m: Mistake) -> Problem | None:
    previous, found = m.previous, m.found
    if previous is None or not (ends_operand(previous) and starts_operand(found)):
        return None
    entry = m.opener is None and str(m.first) in {"split", "batch"} and _follows(m, "=")
    if "COMMA" not in m.expected or not (entry or (m.opener is not None and str(m.opener) != "{") or _in_choice(m)):
        return None
    end = previous.span.end
    hint = "a choice is written: if condition then a else b" if str(found) == "if" else None
    texts = previous.type == found.type == "STRING"
    if hint is None and (_follows(m, "=") or texts):  # elsewhere it may be an operator that is missing
        hint = Repair("write ','", edits=[Edit(found.span.source.span(end, end), ",")])
    return MISSING_COMMA(f"a comma is missing between {describe(previous)} and {describe(found)}", hint=hint).at(
        found.span.source.span(end, max(end + 1, found.span.start))
    )


def _missing_expression(m: Mistake) -> Problem | None:
    previous, found = m.previous, m.found
    if previous is None or "NUMBER" not in m.expected:
        return None
    place = previous.span if is_end(found) else found.span
    if str(previous) in PARTNER and str(found) == PARTNER[str(previous)]:
        return MISSING_EXPRESSION(f"there is nothing in these brackets '{previous}{found}'").at(
            previous.span | found.span
        )
    what = "" if is_end(found) else f"; {describe(found)} cannot start one"
    hint = _form(m, str(m.first))
    return MISSING_EXPRESSION(f"an expression is missing after '{previous}'{what}", hint=hint).at(place)


def _decimal_point(m: Mistake) -> Problem | None:
    """``.5`` and ``5.``"""
    for place in range(m.at, max(m.at - 3, m.start), -1):
        point, before = m.tokens[place], m.tokens[place - 1]
        if str(point) != ".":
            continue
        if before.type == "NUMBER" and before.span.end == point.span.start:
            hint = Repair(f"write {before}.0", ".0")
            return BAD_NUMBER("digits are missing behind the decimal point", hint=hint).at(point.span)
        if place == m.at and "NUMBER" in m.expected and m.tokens[place + 1].type == "NUMBER":
            hint = Repair(f"write 0.{m.tokens[place + 1]}", "0.")
            return BAD_NUMBER("a digit is missing before the decimal point", hint=hint).at(point.span)
    return None


def _nothing_before_line(m: Mistake) -> Problem | None:
    """``a =`` at the end of a line takes the first word of the next line for its value."""
    if m.at - 2 < m.start or not m.tokens[m.at - 1].starts_line:
        return None
    at_top = m.level is Level.FILE and str(m.found) == "="
    if not (at_top or begins_statement(m.tokens, m.at - 1, m.level)):
        return None
    last = m.tokens[m.at - 2]
    if ends_operand(last) and str(last) not in {"using", "over"}:
        return None
    what = "a name" if str(last) in _NAMING else "an expression"
    return MISSING_EXPRESSION(
        f"{what} is missing after '{last}'",
        hint=_form(m, str(m.first)),
        labels=[Label(m.tokens[m.at - 1].span, f"'{m.tokens[m.at - 1]}' was read as it")],
    ).at(last.span)


_CHECKS = (
    _decimal_point, _nothing_before_line, _missing_brace, _bracket, _arrow, _pipe, _pipe_after_else, _chained, _sign,
    _reserved, _missing_comma, _missing_expression,
)  # fmt: skip


def _unknown_statement(m: Mistake) -> tuple[Problem, str | None] | None:
    """An unknown word, or one of another kind of block, where a statement should begin."""
    body = m.level is Level.BODY
    # A name may begin a binding, so the parser stops one word later in a body.
    word = m.tokens[m.at - 1] if body and m.at == m.start + 1 and "EQUAL" in m.expected else m.found
    if not word.is_wordlike or not (word is m.first or m.whole):
        return None
    what = {Level.FILE: "a declaration", Level.BODY: "a statement of a model or block"}.get(m.level)
    what = what or f"a statement of '{m.level.name.lower()}'"
    known_here = str(word) in KEYWORDS[m.level] or (body and foreign(str(word)) not in STATEMENTS_OF_BODIES)
    elsewhere = None if known_here else STATEMENTS.get(foreign(str(word)))
    following = m.tokens[min(word.place + 1, len(m.tokens) - 1)]
    assigned = following.type == "EQUAL"
    if elsewhere and not (m.level is Level.FILE and assigned):
        if isinstance(elsewhere, Repair) and not elsewhere.by:  # the space behind it goes as well
            behind = word.span.source.span(word.span.start, following.span.start)
            elsewhere = Repair(elsewhere, edits=[Edit(behind, "")])
        return UNKNOWN_STATEMENT(f"'{word}' is not {what}", hint=elsewhere).at(word.span), None
    if str(word) in RESERVED_WORDS or (body and not word.starts_line):
        return UNEXPECTED(f"{describe(word)} does not belong here").at(word.span), None
    if word is m.found and word is not m.first and not word.starts_line and not did_you_mean(word, KEYWORDS[m.level]):
        return None
    if assigned and m.level in (Level.FILE, Level.TRAIN):
        hint = f"a name for an expression is a let: let {word} = ..."
        if m.level is Level.FILE:
            hint = f"a value for the whole file is a param: param {word}: int = ..."
        return UNKNOWN_STATEMENT(f"'{word}' is not {what}", hint=hint).at(word.span), None
    homes = [level for level in Level if str(word) in KEYWORDS[level] and level is not m.level]
    suggestion = did_you_mean(str(word), KEYWORDS[m.level])
    if homes and not suggestion:
        place = {Level.FILE: "the top of the file", Level.BODY: "'model' and 'block'"}
        home = place.get(homes[0], f"'{homes[0].name.lower()}'")
        return UNKNOWN_STATEMENT(f"'{word}' belongs in {home}, it is not {what}").at(word.span), None
    if body and suggestion is None:
        hint = f"a result gets a name, '{word} = ...', or is an 'output'"
        if _follows(m, "=") and str(m.found) in _ARITHMETIC:
            hint = f"write {word} = {word} {m.found} ..."
        elif str(word) in KEYWORDS[m.level]:
            hint = _form(m, str(word)) or hint
        return UNEXPECTED(f"this is no statement: after '{word}' stands {describe(m.found)}", hint=hint).at(
            word.span
        ), None
    meant = next((k for k in KEYWORDS[m.level] if suggestion == f"did you mean '{k}'?"), None)
    known = suggestion or f"{what} starts with one of {', '.join(KEYWORDS[m.level])}"
    problem = UNKNOWN_STATEMENT(f"'{word}' is not {what}", hint=known).at(word.span)
    usable = meant is not None and word is m.found and meant.upper() in m.expected
    return problem, meant if usable else None


def _generic(m: Mistake) -> Problem:
    expected, found = _expectation(m), m.found
    hint = _form(m, str(m.first))
    if not expected:
        return UNEXPECTED(f"{describe(found)} does not belong here", hint=hint).at(found.span)
    if m.previous is not None and (found.starts_line or found.type == END):
        end = m.previous.span.end
        place = found.span.source.span(end, end + (end < len(found.span.source.text)))
        return UNEXPECTED(f"expected {expected} after {describe(m.previous)}", hint=hint).at(place)
    return UNEXPECTED(f"expected {expected}, found {describe(found)}", hint=hint).at(found.span)


def _expectation(m: Mistake) -> str:
    if "NUMBER" in m.expected:
        return "an expression"
    if "NAME" in m.expected and not m.whole:
        return "a name" if "STRING" not in m.expected else "a name or a string"
    if m.expected == {"STRING"}:
        return "a string in double quotes"
    statements = {k.upper() for k in KEYWORDS[m.level]} if m.whole else set()
    words = {_spelling(t) for t in m.expected - statements - {END, "NAME", "NUMBER", "STRING", "PERCENTAGE"}}
    # Where an operator may follow, brackets and members are but ways of going on.
    wanted = words - _OPERATORS - ({"(", "["} if "+" in words else set())
    if m.whole:
        wanted = {word for word in wanted if word != "}" and not word.isidentifier()}
    if len(wanted) > 1 or m.whole:
        wanted -= {"=", "then"}
    return " or ".join(f"'{word}'" for word in sorted(wanted)) if len(wanted) <= 4 else ""


def _spelling(type: str) -> str:
    return str(language().get_terminal(type).pattern.value)


def _form(m: Mistake, keyword: str) -> str | None:
    form = FORMS[m.level].get(keyword)
    return f"for example: {form}" if form else None


def _behind_previous(m: Mistake, text: str) -> Edit:
    """Return the edit that puts a text in place of the word found, and of the space before it."""
    source, start = m.found.span.source, m.tokens[m.at - 1].span.end
    is_space = source.text[start : m.found.span.start].isspace()
    return Edit(source.span(start if is_space else m.found.span.start, m.found.span.end), text)


def _follows(m: Mistake, text: str) -> bool:
    return m.at + 1 < len(m.tokens) and str(m.tokens[m.at + 1]) == text


def _in_choice(m: Mistake) -> bool:
    return m.opener is not None and str(m.opener) == "{" and str(m.first) == "param"
