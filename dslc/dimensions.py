"""Dimensions: integers, or integer expressions over symbols in canonical form.

The form is a polynomial with integer coefficients over symbols and floor divisions, so two dimensions that are
equal for every value of their symbols by the rules of rings compare equal. What can't be decided raises
:class:`Undecided`; callers turn it into a diagnostic.

A symbol stands for a size of at least one; :func:`bounds` says what follows from that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, prod

__all__ = [
    "Dimension", "Symbolic", "Undecided", "bounds", "class_count_symbol", "evaluate", "is_class_count", "range_size",
    "same_value", "substitute", "symbol", "symbols_of",
]  # fmt: skip


_MOST_TERMS, _MOST_FACTORS, _LONGEST = 1000, 64, 2000
"""How many terms and factors an expression may have, and how many characters a division in it."""
_TOO_LONG = "the expression of this size is too long to compute with"
_LARGEST = 2**63 - 1
_TOO_LARGE = "a number in the expression of this size does not fit in 64 bits"


class Undecided(Exception):
    """The answer depends on the run-time values of symbols, those of ``values``."""

    def __init__(self, message: str, *values: object) -> None:
        super().__init__(message)
        self.symbols = frozenset().union(*(symbols_of(v) for v in values if isinstance(v, Symbolic)))


@dataclass(frozen=True, order=True)
class _Atom:
    """A symbol, or ``(numerator) // divisor`` or ``numerator % divisor`` that no rule could simplify."""

    name: str
    operator: str = ""
    operands: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


_Monomial = tuple[_Atom, ...]
"""Sorted atoms, with repetition for powers; () is the constant term."""


class Symbolic:
    """An integer expression over symbols that is not a constant. Build one with :func:`symbol`."""

    __slots__ = ("_hash", "_parts", "terms")

    def __init__(self, terms: Mapping[_Monomial, int], parts: Mapping[_Atom, tuple[Dimension, Dimension]]) -> None:
        self.terms: dict[_Monomial, int] = dict(terms)
        self._parts = dict(parts)
        self._hash = hash(frozenset(self.terms.items()))

    # arithmetic
    def __add__(self, other: Dimension) -> Dimension:
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _make(terms, self._parts, _parts_of(other))

    __radd__ = __add__

    def __neg__(self) -> Dimension:
        return self * -1

    def __sub__(self, other: Dimension) -> Dimension:
        return self + (-1 * other)

    def __rsub__(self, other: Dimension) -> Dimension:
        return -self + other

    def __mul__(self, other: Dimension) -> Dimension:
        if len(self.terms) * len(_terms(other)) > _MOST_TERMS:
            raise Undecided(_TOO_LONG)
        terms: dict[_Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in _terms(other).items():
                monomial = tuple(sorted(left + right))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _make(terms, self._parts, _parts_of(other))

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Dimension:
        return prod([self] * exponent, start=1)

    def __floordiv__(self, other: Dimension) -> Dimension:
        return _divide("//", self, other)

    def __rfloordiv__(self, other: int) -> Dimension:
        return _divide("//", other, self)

    def __mod__(self, other: Dimension) -> Dimension:
        return _divide("%", self, other)

    def __rmod__(self, other: int) -> Dimension:
        return _divide("%", other, self)

    # comparison: equality is of the canonical form; order can't be decided
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbolic) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def _no_order(self, other: Dimension) -> bool:
        raise Undecided(f"'{self}' is not known before run time, so it can't be compared with '{other}'", self, other)

    __lt__ = __le__ = __gt__ = __ge__ = _no_order

    def __bool__(self) -> bool:
        raise Undecided(f"'{self}' is not known before run time", self)

    def __index__(self) -> int:
        raise Undecided(f"'{self}' is not known before run time", self)

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in sorted(self.terms.items(), key=lambda t: (-len(t[0]), t[0])):
            size = abs(coefficient)
            factors = ([str(size)] if size != 1 or not monomial else []) + [str(atom) for atom in monomial]
            sign = "-" if coefficient < 0 else "+"
            text += f" {sign} {' * '.join(factors)}" if text else f"{'-' if sign == '-' else ''}{' * '.join(factors)}"
        return text

    __repr__ = __str__

    @property
    def atoms(self) -> Iterator[_Atom]:
        """Its symbols and divisions, with repetitions."""
        return (atom for monomial in self.terms for atom in monomial)

    def operands(self, atom: _Atom) -> tuple[Dimension, Dimension]:
        """Return what a division atom divides, and by what."""
        return self._parts[atom]


Dimension = int | Symbolic


def symbol(name: str) -> Symbolic:
    """Return the symbol of that name as a dimension."""
    return Symbolic({(_Atom(name),): 1}, {})


def class_count_symbol(field: str) -> Symbolic:
    """Return the symbol that stands for a field's number of categories until the data is read."""
    return symbol(f"{_CLASS_COUNT}{field})")


def is_class_count(name: str) -> bool:
    """Whether this is the name of such a symbol; no symbol that a spec can name has parentheses."""
    return name.startswith(_CLASS_COUNT)


_CLASS_COUNT = "classes("


def _terms(dimension: Dimension) -> Mapping[_Monomial, int]:
    return dimension.terms if isinstance(dimension, Symbolic) else {(): int(dimension)}


def _parts_of(dimension: Dimension) -> Mapping[_Atom, tuple[Dimension, Dimension]]:
    return dimension._parts if isinstance(dimension, Symbolic) else {}  # noqa: SLF001 - same module


def _make(terms: Mapping[_Monomial, int], *parts: Mapping[_Atom, tuple[Dimension, Dimension]]) -> Dimension:
    kept = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if not set(kept) - {()}:
        return kept.get((), 0)
    if len(kept) > _MOST_TERMS or any(len(monomial) > _MOST_FACTORS for monomial in kept):
        raise Undecided(_TOO_LONG)
    if any(abs(coefficient) > _LARGEST for coefficient in kept.values()):
        raise Undecided(_TOO_LARGE)
    used = {atom for monomial in kept for atom in monomial if atom.operator}
    return Symbolic(kept, {atom: known[atom] for known in parts for atom in known if atom in used})


def _divide(operator: str, numerator: Dimension, divisor: Dimension) -> Dimension:
    """Floor division or remainder; what divides evenly leaves the fraction."""
    if isinstance(divisor, int):
        if divisor == 0:
            raise ZeroDivisionError("division by zero")
        if abs(divisor) > _LARGEST:
            raise Undecided(_TOO_LARGE)
        whole = {m: c // divisor for m, c in _terms(numerator).items() if c % divisor == 0}
        rest = {m: c for m, c in _terms(numerator).items() if c % divisor}
        constant, positive = rest.pop((), 0), divisor > 0
        if positive and constant:  # (2T + 5) // 2 = T + 2 + 1 // 2: keep only the remainder of the constant
            whole[()] = whole.get((), 0) + constant // divisor
            constant %= divisor
        if not rest:
            result = _make(whole, _parts_of(numerator)) if operator == "//" else 0
            return result + (constant // divisor if operator == "//" else constant % divisor)
        if constant:
            rest[()] = constant
        left = _make(rest, _parts_of(numerator))
        if operator == "//" and positive and rest[min(m for m in rest if m)] < 0:  # -(-N // 2) is (N + 1) // 2
            return _make(whole, _parts_of(numerator)) - (divisor - 1 - left) // divisor
        quotient = _atom(operator, left, divisor)
        return quotient if operator == "%" else quotient + _make(whole, _parts_of(numerator))
    if numerator == divisor:
        return 1 if operator == "//" else 0
    if isinstance(numerator, Symbolic) and len(divisor.terms) == 1:
        ((monomial, coefficient),) = divisor.terms.items()
        quotients = {
            others: c // coefficient
            for m, c in numerator.terms.items()
            if c % coefficient == 0 and (others := _without(m, monomial)) is not None
        }
        if len(quotients) == len(numerator.terms):
            return 0 if operator == "%" else _make(quotients, _parts_of(numerator))
    if numerator == 0:
        return 0
    return _atom(operator, numerator, divisor)


def _without(monomial: _Monomial, factor: _Monomial) -> _Monomial | None:
    rest = list(monomial)
    for atom in factor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def _atom(operator: str, numerator: Dimension, divisor: Dimension) -> Symbolic:
    def wrap(d: Dimension) -> str:
        return str(d) if isinstance(d, int) or (len(d.terms) == 1 and " " not in str(d)) else f"({d})"

    atom = _Atom(f"({wrap(numerator)} {operator} {wrap(divisor)})", operator, (str(numerator), str(divisor)))
    if len(atom.name) > _LONGEST:
        raise Undecided(_TOO_LONG)
    return Symbolic({(atom,): 1}, {**_parts_of(numerator), **_parts_of(divisor), atom: (numerator, divisor)})


def symbols_of(dimension: Dimension) -> frozenset[str]:
    """Return the names of all symbols in a dimension, inner ones of divisions included."""
    if isinstance(dimension, int):
        return frozenset()
    found: set[str] = set()
    for atom in dimension.atoms:
        if atom.operator:
            for operand in dimension.operands(atom):
                found |= symbols_of(operand)
        else:
            found.add(atom.name)
    return frozenset(found)


def substitute(dimension: Dimension, values: Mapping[str, Dimension]) -> Dimension:
    """Replace symbols by dimensions; unnamed ones stay."""
    if isinstance(dimension, int):
        return dimension
    total: Dimension = 0
    for monomial, coefficient in dimension.terms.items():
        product: Dimension = coefficient
        for atom in monomial:
            if atom.operator:
                numerator, divisor = (substitute(d, values) for d in dimension.operands(atom))
                product = product * (numerator // divisor if atom.operator == "//" else numerator % divisor)
            else:
                product = product * values.get(atom.name, symbol(atom.name))
        total = total + product
    return total


def evaluate(dimension: Dimension, values: Mapping[str, int]) -> int:
    """Return the number that a dimension is for given symbols; :class:`Undecided` if one is missing."""
    result = substitute(dimension, values)
    if isinstance(result, Symbolic):
        raise Undecided(f"'{result}' is not known", result)
    return result


def range_size(start: Dimension, stop: Dimension, step: int) -> Dimension:
    """Return how many numbers there are from ``start`` on, each ``step`` > 0 larger, below ``stop`` >= ``start``."""
    return (stop - start + step - 1) // step


def same_value(a: Dimension, b: Dimension) -> bool | None:
    """Whether two dimensions are equal; None if that depends on their symbols."""
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    least, most = bounds(difference)
    return None if least <= 0 <= most else False


Bounds = tuple[float, float]


def bounds(dimension: Dimension) -> Bounds:
    """Return numbers (or infinities) between which a dimension lies whatever its symbols are, each at least 1."""
    if isinstance(dimension, int):
        return dimension, dimension
    try:
        low, high = _interval(dimension)
        if low == -inf:
            low = _without_divisions(dimension)
        if high == inf:
            high = -_without_divisions(-dimension)
    except Undecided:  # it grows too long, or too large, on the way
        return -inf, inf
    return low, high


def _interval(dimension: Symbolic) -> Bounds:
    """Return bounds that take each symbol by itself where it occurs."""
    low: float = 0
    high: float = 0
    for monomial, coefficient in dimension.terms.items():
        term: Bounds = (coefficient, coefficient)
        for atom in monomial:
            term = _product(term, _atom_bounds(dimension, atom))
        low, high = low + term[0], high + term[1]
    return low, high


def _without_divisions(dimension: Dimension, most: int = 8) -> float:
    """Return a lower bound that knows n / d - 1 < n // d <= n / d, so that T - T // 2 is not negative."""
    if isinstance(dimension, int):
        return dimension
    for monomial, coefficient in dimension.terms.items():
        if len(monomial) == 1 and monomial[0].operator == "//" and most:
            numerator, divisor = dimension.operands(monomial[0])
            if not isinstance(divisor, int) or divisor < 1:
                continue
            others = dimension - coefficient * Symbolic({monomial: 1}, {monomial[0]: (numerator, divisor)})
            least = numerator if coefficient < 0 else numerator - (divisor - 1)
            low = _without_divisions(others * divisor + coefficient * least, most - 1)
            return low if abs(low) == inf else -(-low // divisor)
    return _interval(dimension)[0]


def _atom_bounds(dimension: Symbolic, atom: _Atom) -> Bounds:
    if not atom.operator:
        return 1, inf
    (low, high), (least, most) = map(bounds, dimension.operands(atom))
    if least < 1:
        return -inf, inf
    if atom.operator == "%":
        return 0, min(most - 1, high) if low >= 0 else most - 1
    # of a positive number, the larger divisor leaves less; of a negative one, more
    return _quotient(low, most if low >= 0 else least), _quotient(high, least if high >= 0 else most)


def _quotient(numerator: float, divisor: float) -> float:
    if divisor == inf:
        return 0 if numerator >= 0 else -1
    return numerator if abs(numerator) == inf else numerator // divisor


def _product(a: Bounds, b: Bounds) -> Bounds:
    products = [0 if 0 in (x, y) else x * y for x in a for y in b]
    low, high = min(products), max(products)
    return (min(low, _FAR) if low > -_FAR else -inf), (max(high, -_FAR) if high < _FAR else inf)


_FAR = 2**1000
"""Bounds beyond this are not told apart from infinity; sums of them still fit in floats."""
