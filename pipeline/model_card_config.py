"""What only the owner of a model can say in its card."""

from pydantic import Field

from components.core.config import Config

__all__ = ["ModelCardConfig"]


class ModelCardConfig(Config):
    """Texts of `MODEL_CARD.md`, in Markdown. What is not given is said to be not stated: nothing is claimed for it."""

    title: str = ""
    """Name of the model; the pipeline's name if empty."""

    license: str | None = Field(default=None, pattern=r"^[a-z0-9.-]+$")
    """Licence of the model as the Hugging Face Hub writes it: `apache-2.0`, `cc-by-4.0`, `other`. None = not stated."""

    language: tuple[str, ...] = ()
    """ISO 639-1 codes. If empty, the language that most texts of the data seem to be in."""

    tags: tuple[str, ...] = ()
    """More tags than the card gives itself."""

    base_model: str | None = None
    """Model on the Hugging Face Hub that the encoder is; known of `minilm` and of `hf://owner/model` without it."""

    contact: str = ""
    """Who answers questions: a name, a mail address, a link."""

    intended_use: str = ""
    """What the model was made for, and for whom."""

    out_of_scope: str = ""
    """What it must not be used for. If empty, the project's own warning stands there."""

    data: str = ""
    """Where the data come from, who labelled them, under which licence."""

    limitations: str = ""
    """What is known to go wrong, beyond what was measured."""

    ethics: str = ""
    """Considerations of those who release the model."""

    citation: str = ""
    """How to cite it: BibTeX or a sentence."""
