"""The configuration of PII masking."""

from collections.abc import Mapping
from importlib import metadata
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from components.core.config import Config, InputPath, NameOrPath, is_path
from components.data.pii.kinds import PiiKind
from components.data.pii.masker import PiiMasker
from components.data.pii.national_ids import COUNTRIES
from components.data.pii.person_names import load_pipeline
from components.data.pii.phone_numbers import regions

__all__ = ["Pii"]


_REGIONS = ("US", "GB", "AU", "IN", "CN", "JP", "KR", "DE", "FR", "ES", "IT", "BR")


def _require_region(region: str) -> str:
    if region not in _REGIONS and region not in regions():
        raise ValueError(
            f"no telephone numbers of {region!r} are known; expected codes of ISO 3166 such as US or GB"
        )
    return region


def _require_country(country: str) -> str:
    if country not in COUNTRIES:
        raise ValueError(f"no ids of {country!r} are known; expected some of {', '.join(COUNTRIES)}")
    return country


Region = Annotated[str, AfterValidator(_require_region)]
Country = Annotated[str, AfterValidator(_require_country)]
_ALL_BUT_NAMES = tuple(kind for kind in PiiKind if kind is not PiiKind.NAME)


class Pii(Config):
    """Which personal data is masked in texts, before anything is written."""

    kinds: tuple[PiiKind, ...] = _ALL_BUT_NAMES
    """What is masked, each by its placeholder: `EMAIL`, `PHONE`, `URL`, `USER` (@handle), `IP`, `CARD`, `IBAN`,
    `NATIONAL_ID` ([ID]) and `NAME`. The default is all but `NAME`, which needs a pipeline; an empty list masks
    nothing."""

    phone_regions: tuple[Region, ...] = _REGIONS
    """Countries (ISO 3166, two letters) whose national telephone numbers are looked for. Each further one makes more
    numbers look like telephone numbers; those in international form (+44 …) are found whatever their country."""

    id_countries: tuple[Country, ...] = COUNTRIES
    """Countries (ISO 3166, two letters) whose ids of persons are looked for; all that are known by default, as check
    digits, dates or words nearby tell them from other numbers."""

    names_pipeline: NameOrPath | None = None
    """spaCy pipeline that finds persons, needed for `NAME` only: an installed package (`en_core_web_sm`) or the path of
    a directory (`./names`), relative to the configuration file. Needs the extra `names`; there is no default, as it
    must know the language of the texts."""

    pseudonym_key: InputPath | None = None
    """File with a secret of yours, from which pseudonyms of ids and groups with personal data are made. Without one
    they are stable too, but whoever guesses an address can check the guess."""

    @model_validator(mode="after")
    def _names_need_a_pipeline(self) -> Self:
        if (PiiKind.NAME in self.kinds) != (self.names_pipeline is not None):
            raise ValueError("the kind `NAME` and `names_pipeline` go together: give both or neither")
        return self

    def external_versions(self) -> Mapping[str, str]:
        """The version of an installed pipeline: another one finds other names."""
        if self.names_pipeline is None or is_path(self.names_pipeline):
            return {}
        try:
            return {self.names_pipeline: metadata.version(self.names_pipeline)}
        except metadata.PackageNotFoundError:
            return {self.names_pipeline: "absent"}

    def masker(self) -> PiiMasker:
        """The function that these settings describe.

        Raises:
            ConfigError: names are to be masked, and spaCy or the pipeline is not there.
        """
        if self.names_pipeline is not None:
            load_pipeline(self.names_pipeline)
        return PiiMasker(self.kinds, self.phone_regions, self.id_countries, self.names_pipeline)
