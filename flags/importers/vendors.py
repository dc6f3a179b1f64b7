"""Every vendor's reader, by name."""

from collections.abc import Callable
from typing import Final

from flags.importers import flagd, growthbook, launchdarkly, unleash
from flags.importers.model import Import, Options, Unmappable, Vendor
from flags.importers.reading import Object
from runtime.errors import Invalid

_READERS: Final[dict[Vendor, Callable[[Object, Options], Import]]] = {
    Vendor.GROWTHBOOK: growthbook.mapped,
    Vendor.FLAGD: flagd.mapped,
    Vendor.UNLEASH: unleash.mapped,
    Vendor.LAUNCHDARKLY: launchdarkly.mapped,
}


def mapped(vendor: Vendor, found: Object, options: Options) -> Import:
    """The vendor's document as flags and segments. Invalid: it is none of the vendor's."""
    try:
        return _READERS[vendor](found, options)
    except Unmappable as error:
        raise Invalid("document", f"is no document of {vendor}: {error}") from None
