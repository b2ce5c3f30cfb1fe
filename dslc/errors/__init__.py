"""Every error and warning dslc can report, declared once each, a file per family.

``dslc explain``, the error index in the documentation and the tests derive from these declarations.
"""
