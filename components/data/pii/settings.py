"""The configuration of PII masking."""

from typing import Annotated

from pydantic import StringConstraints

from components.core.config import Config, InputPath
from components.data.pii.kinds import PiiKind
from components.data.pii.masker import PiiMasker
from components.data.pii.national_ids import COUNTRIES

__all__ = ["Pii"]

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]

_ALL_BUT_NAMES = tuple(kind for kind in PiiKind if kind is not PiiKind.NAME)


class Pii(Config):
    """Which personal data is masked in texts, before anything is written."""

    kinds: tuple[PiiKind, ...] = _ALL_BUT_NAMES
    """What is masked, each by its placeholder: `EMAIL`, `PHONE`, `URL`, `USER` (@handle), `IP`, `CARD`, `IBAN`,
    `NATIONAL_ID` ([ID]) and `NAME`. The default is all but `NAME`, which needs a pipeline; an empty list masks
    nothing."""

    phone_regions: tuple[CountryCode, ...] = (
        "US",
        "GB",
        "AU",
        "IN",
        "CN",
        "JP",
        "KR",
        "DE",
        "FR",
        "ES",
        "IT",
        "BR",
    )
    """Countries (ISO 3166, two letters) whose national telephone numbers are looked for. Each further one makes more
    numbers look like telephone numbers; those in international form (+44 …) are found whatever their country."""

    id_countries: tuple[CountryCode, ...] = COUNTRIES
    """Countries (ISO 3166, two letters) whose ids of persons are looked for; all that are known by default, as check
    digits, dates or words nearby tell them from other numbers."""

    names_pipeline: str | None = None
    """spaCy pipeline that finds persons: the name of an installed one (`en_core_web_sm`) or a directory, relative to
    the configuration file. Needs the extra `names`."""

    pseudonym_key: InputPath | None = None
    """File with a secret of yours, from which pseudonyms of ids and groups with personal data are made. Without one
    they are stable too, but whoever guesses an address can check the guess."""

    def masker(self) -> PiiMasker:
        """The function that these settings describe."""
        return PiiMasker(self.kinds, self.phone_regions, self.id_countries, self.names_pipeline)
