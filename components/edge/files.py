"""From a trained model to complete .tflite files, one a variant."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from components.core.errors import ExportError
from components.edge.guard import device_heads, expected_file
from components.edge.variants import VariantSpec
from components.modeling.classifier import LoadedModel
from tflite.converter import convert
from tflite.errors import RefusedModelError
from tflite.guards import Expected, check_model, check_text_model
from tflite.host_tokenizer import TokenizerSpec
from tflite.label_names import read_names, shipped_names
from tflite.metadata import ModelMetadata, attach_metadata, can_suppress
from tflite.model_file import ModelDescription
from tflite.tables import keep_vocabulary
from tflite.vocabulary import count_pieces, kept_rows, pruned

if TYPE_CHECKING:
    from components.tflite_exporter import TFLiteExporterConfig

__all__ = ["FileMaker", "VariantFile", "localized_labels"]

_FOR_TESTS_ONLY = " For tests only: its encoder has random weights."
_TWO_SEGMENTS = (
    " It reads what was said before, too; MediaPipe's TextClassifier gives it texts alone, LiteRT both."
)


@dataclass(frozen=True)
class VariantFile:
    """One complete file.

    Attributes:
        name: of the variant.
        content: with metadata.
        metadata: those inside; its tokenizer is the model's, or one of fewer rows.
        description: what is inside.
        parameters: of the network, without the rows of embeddings that no text reaches.
    """

    name: str
    content: bytes
    metadata: ModelMetadata
    description: ModelDescription
    parameters: int


def localized_labels(loaded: LoadedModel, config: "TFLiteExporterConfig") -> dict[str, tuple[str, ...]]:
    """Names of the labels by locale, in their order: those that ship, and those that were given."""
    labels = loaded.config.labels
    shipped = {locale: shipped_names(labels, locale) for locale in config.locales}
    given = {locale: read_names(Path(path), labels) for locale, path in config.label_files.items()}
    return {locale: names for locale, names in (shipped | given).items() if names is not None}


class FileMaker:
    """Makes the variants of one model; what several of them need is made once."""

    def __init__(
        self, loaded: LoadedModel, config: "TFLiteExporterConfig", texts: Callable[[], Iterable[str]] | None
    ) -> None:
        """`texts` gives what the model was trained on; only variants of a smaller vocabulary ask for it."""
        self._loaded = loaded
        self._config = config
        self._texts = texts
        self._tokenizer_graphs: dict[tuple[str, ...], bytes] = {}

    def make(self, names: Sequence[str]) -> Iterator[VariantFile]:
        """The files, in the order of their names.

        Raises:
            TFLiteError: the network cannot be converted, or a file would not do its work on a phone.
            ExportError: a vocabulary is to be cut and there are no training texts.
        """
        specs = {name: VariantSpec.parse(name) for name in dict.fromkeys(names)}
        converted = {
            fixed: self._convert(
                [spec.weights for spec in specs.values() if spec.fixed_length is fixed], fixed
            )
            for fixed in (False, True)
        }
        for name, spec in specs.items():
            yield self._complete(name, spec, converted[spec.fixed_length][spec.weights])

    def _convert(self, weights: Sequence[str], fixed_length: bool) -> Mapping[str, bytes]:
        if not weights:
            return {}
        return cast(
            "Mapping[str, bytes]",
            convert(
                self._loaded.scoring_network,
                max_tokens=self._loaded.config.max_tokens,
                separator_id=self._loaded.tokenizer.end_id,
                variants=cast("Any", weights),
                fixed_length=fixed_length,
            ),
        )

    def _complete(self, name: str, spec: VariantSpec, content: bytes) -> VariantFile:
        whole = tokenizer = self._loaded.tokenizer
        if spec.coverage is not None:
            rows = kept_rows(whole, self._counts, spec.coverage)
            content = keep_vocabulary(content, len(whole.vocabulary), rows)
            tokenizer = pruned(whole, rows)
        metadata = replace(self._metadata, tokenizer=tokenizer)
        expected = expected_file(self._loaded, spec, len(tokenizer.vocabulary))
        try:
            if spec.takes_text:
                content = self._with_tokenizer(content, tokenizer, expected)
            complete = attach_metadata(content, metadata)
            description = check_model(complete, expected)
        except RefusedModelError as err:
            raise RefusedModelError(f"{name}: {err}") from err
        return VariantFile(name, complete, metadata, description, expected.parameters)

    def _with_tokenizer(self, content: bytes, tokenizer: TokenizerSpec, expected: Expected) -> bytes:
        """The file that takes text; the one that takes ids must be right by itself, and both must say the same."""
        from tflite.text_input import take_text, tokenizer_graph

        check_model(content, replace(expected, takes_text=False))
        if tokenizer.vocabulary not in self._tokenizer_graphs:
            self._tokenizer_graphs[tokenizer.vocabulary] = tokenizer_graph(tokenizer)
        joined = take_text(content, self._tokenizer_graphs[tokenizer.vocabulary])
        check_text_model(joined, content, tokenizer)
        return joined

    @cached_property
    def _counts(self) -> Mapping[int, int]:
        if self._texts is None:
            raise ExportError(
                "a smaller vocabulary is chosen by the training texts, and none are at hand; export from a pipeline "
                "root, or variants without _vocab"
            )
        return count_pieces(self._loaded.tokenizer, self._texts())

    @cached_property
    def _metadata(self) -> ModelMetadata:
        loaded, config = self._loaded, self._config
        heads = device_heads(loaded)
        return ModelMetadata(
            name=config.name,
            description=config.description
            + (_TWO_SEGMENTS if loaded.tokenizer.segments == 2 else "")
            + (_FOR_TESTS_ONLY if loaded.config.for_tests_only else ""),
            version=config.version,
            author=config.author,
            license=config.license,
            heads=heads,
            thresholds=loaded.config.thresholds,
            tokenizer=loaded.tokenizer,
            suppress_undecided=config.suppress_undecided and can_suppress(heads),
            label_names=localized_labels(loaded, config),
        )
