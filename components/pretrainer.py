"""Pretrainer: lets the encoder read texts of the domain, without labels, before it is fine-tuned."""

import json
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from components.core.artifacts import PretrainedEncoder, TransformedExamples, TransformGraph
from components.core.component import Output, Scratch, Summary, component
from components.core.config import Config, ExternalInput, InputPath, NameOrPath
from components.core.errors import DataError, EncoderError
from components.core.filesystem import content_digest
from components.core.progress import NO_PROGRESS, Progress
from components.modeling.precision import Precision, choose_policy
from components.modeling.training.checkpoints_config import CheckpointsConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.modeling.encoder import Encoder
    from components.modeling.pretraining.corpus import Corpus
    from tflite.host_tokenizer import TokenizerSpec

__all__ = ["PretrainerConfig", "pretrainer"]

_LEAST_TEXTS = 20


class PretrainerConfig(Config):
    """Which texts the encoder reads, and how.

    Gururangan et al., 2020, "Don't Stop Pretraining": task-adaptive training reads the training split, domain-adaptive
    training much more of the like.
    """

    encoder: NameOrPath | None = None
    """As in `trainer.encoder`; a pipeline takes it from `transform.encoder`."""

    texts: InputPath | None = None
    """Unlabelled texts: a plain text file with a text a line (`.txt`), or files of any format that ExampleGen reads; a
    file, a glob pattern or a directory, compressed or not. Personal data in them are not masked: mask them before."""

    text_column: str = "text"
    """Column of the texts in files that have columns."""

    train_split: bool = True
    """Whether the texts of the training split are read, too."""

    epochs: int = Field(default=3, ge=1)
    """Passes over the texts. 3 is for a few ten thousand; a few thousand may want 10, a million 1."""

    batch_size: int = Field(default=64, ge=1)
    """Texts a step."""

    learning_rate: float = Field(default=1e-4, gt=0, lt=1)
    """Peak learning rate: BERT's own in pre-training. Encoders of BERT's size want 5e-5."""

    warmup: float = Field(default=0.06, ge=0, lt=1)
    """Share of all steps in which the learning rate rises linearly; then it falls linearly to 0."""

    weight_decay: float = Field(default=0.01, ge=0, lt=1)
    """AdamW's decay, as in BERT's pre-training."""

    clip_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this global norm."""

    masked_share: float = Field(default=0.15, gt=0, lt=1)
    """Share of the words that are hidden, drawn anew in every epoch; BERT's own."""

    whole_words: bool = True
    """Whether the pieces of a word are hidden together. One piece is too easily guessed from the others."""

    held_out: float = Field(default=0.02, gt=0, le=0.5)
    """Share of the texts, at least 10, that are not read but tell how well the encoder guesses."""

    precision: Precision = "auto"
    """As in `trainer.precision`."""

    checkpoints: CheckpointsConfig = CheckpointsConfig()
    """How often the state is saved; an interrupted stage goes on from it."""

    seed: int = Field(default=0, ge=0)
    """Seed of what is held out, what is hidden and the order of texts."""

    @model_validator(mode="after")
    def _read_something(self) -> "PretrainerConfig":
        if self.texts is None and not self.train_split:
            raise ValueError("there is nothing to read; give `texts`, or set `train_split` to true")
        return self

    def external_inputs(self) -> tuple[ExternalInput, ...]:
        """Without the encoder: Transform's output, which is read too, holds the digest of its content."""
        return tuple(found for found in super().external_inputs() if found.setting != "encoder")


@component()
def pretrainer(
    *,
    config: PretrainerConfig,
    transformed: TransformedExamples,
    transform_graph: TransformGraph,
    pretrained: Output[PretrainedEncoder],
    progress: Progress = NO_PROGRESS,
    scratch: Scratch | None = None,
) -> Summary:
    """Continues BERT's masked-language-model training with Transform's tokenizer.

    1. Tokenizes the texts, joins those of the split `train`, drops repetitions and holds some out.
    2. Loads the encoder; tokens that Transform added start from those they replace, and are learnt like the others.
    3. Takes over the published head for hidden tokens, or lets a new one learn before the encoder may change.
    4. Trains, from where an earlier execution stopped if its state is in `scratch`; measures the perplexity of hidden
       tokens before and after each epoch.
    5. Writes the encoder.

    Raises:
        DataError: there are too few texts, or they cannot be read.
        EncoderError: the encoder cannot be had any more, or its vocabulary has no [MASK].
        StageError: the loss is no longer a number.
        StoppedError: SIGTERM or Ctrl-C came, and the state is in `scratch`.
    """
    import keras
    import numpy as np

    from components.modeling.encoder import embedding_rows, load_backbone, start_embeddings
    from components.modeling.graph_encoder import encoder_of
    from components.modeling.pretraining.masked_language_model import MaskedLanguageModel
    from components.modeling.pretraining.masked_token_head import pretrained_head
    from components.modeling.pretraining.masking import Masker
    from components.modeling.pretraining.pretraining import Pretraining, history
    from components.modeling.training.determinism import restart_names
    from components.modeling.training.tracking.training_log import TrainingLog
    from tflite.host_tokenizer import TokenizerSpec

    restart_names()
    tokenizer = TokenizerSpec.load(transform_graph.tokenizer_dir)
    masker = Masker(tokenizer.vocabulary, share=config.masked_share, whole_words=config.whole_words)
    progress.update("reading the texts")
    train, held_out = _divide(_read(config, transformed, tokenizer), config)

    encoder = encoder_of(transform_graph, config.encoder)
    policy = choose_policy(config.precision)
    progress.update(f"loading {encoder.name} ({policy})")
    keras.utils.set_random_seed(config.seed)
    backbone = load_backbone(encoder, dtype=policy)
    if len(tokenizer.vocabulary) > embedding_rows(backbone):
        raise EncoderError(
            f"encoder {encoder.name!r} has changed: {len(tokenizer.vocabulary)} vocabulary entries, "
            f"{embedding_rows(backbone)} embeddings; run Transform again"
        )
    start_embeddings(backbone, transform_graph.added_tokens())
    head = pretrained_head(encoder, width=backbone.hidden_dim, rows=embedding_rows(backbone))
    counts = np.bincount(np.concatenate(train.rows))
    with TrainingLog(pretrained.logs_dir) as log:
        epochs = Pretraining(
            MaskedLanguageModel(backbone, counts, head),
            is_head_new=head is None,
            masker=masker,
            train=train,
            held_out=held_out,
            config=config,
            log=log,
            checkpoint_dir=None if scratch is None else scratch.path,
            progress=progress,
        ).run()

    backbone.save_weights(pretrained.weights_path)
    _write(pretrained, encoder, {**history(epochs), "texts": len(train), "held_out": len(held_out)})
    return {
        "texts": len(train),
        "perplexity before": round(epochs[0].perplexity, 2),
        "perplexity": round(epochs[-1].perplexity, 2),
        "published head": head is not None,
        "precision": policy,
    }


def _read(
    config: PretrainerConfig,
    transformed: TransformedExamples,
    tokenizer: "TokenizerSpec",
) -> "Corpus":
    """All texts, each once."""
    from components.data.sources.unlabelled import read_unlabelled
    from components.modeling.pretraining.corpus import Corpus
    from components.modeling.tokenization import in_graph_tokenizer, token_rows
    from components.modeling.transformed_records import read_transformed

    rows: list[NDArray[np.int32]] = []
    segments: list[NDArray[np.int32]] = []
    if config.train_split:
        for shard in transformed.shards("train"):
            for batch in read_transformed(shard):
                rows += _split(batch.token_ids, batch.lengths)
                if batch.segment_ids.size:
                    segments += _split(batch.segment_ids, batch.lengths)
    if config.texts is not None:
        texts = [text.text for text in read_unlabelled(config.texts, column=config.text_column)]
        found = token_rows(in_graph_tokenizer(tokenizer), texts)
        rows += found
        if segments:
            segments += [row * 0 for row in found]
    # By content: a repeated text would be read more often than others, or be held out and read.
    first = {
        (row.tobytes(), segments[position].tobytes() if segments else b""): position
        for position, row in enumerate(rows)
    }
    kept = sorted(position for position in first.values() if len(rows[position]) > 2)
    return Corpus(
        [rows[position] for position in kept], [segments[position] for position in kept] if segments else None
    )


def _split(values: "NDArray[np.int32]", lengths: "NDArray[np.int64]") -> "list[NDArray[np.int32]]":
    import numpy as np

    return np.split(values, np.cumsum(lengths)[:-1]) if len(lengths) else []


def _divide(corpus: "Corpus", config: PretrainerConfig) -> tuple["Corpus", "Corpus"]:
    """What is read, and what is held out."""
    import numpy as np

    if len(corpus) < _LEAST_TEXTS:
        raise DataError(
            f"the Pretrainer found {len(corpus)} different texts and needs {_LEAST_TEXTS} at least; give more in "
            "pretrainer.texts, or leave the section out"
        )
    order = np.random.default_rng(config.seed).permutation(len(corpus))
    count = max(round(config.held_out * len(corpus)), _LEAST_TEXTS // 2)
    return corpus.take(np.sort(order[count:])), corpus.take(np.sort(order[:count]))


def _write(pretrained: PretrainedEncoder, encoder: "Encoder", document: dict[str, object]) -> None:
    digest = None if encoder.directory is None else content_digest(str(encoder.directory))
    text = json.dumps({"name": encoder.name, "digest": digest}, indent=2)
    pretrained.encoder_path.write_text(text + "\n", encoding="utf-8")
    pretrained.history_path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
