"""Every word a spec may use. Importing the package files them all in the registries of :mod:`dslc.library.word`."""

from importlib import import_module
from pkgutil import walk_packages

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)
