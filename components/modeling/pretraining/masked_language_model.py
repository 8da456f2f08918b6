"""Continues the masked-language-model training of an encoder."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.core.errors import StageError
from components.core.progress import Progress
from components.modeling.encoder import embedding_rows
from components.modeling.pretraining.masked_token_head import MaskedTokenHead
from components.modeling.pretraining.masking import MaskedBatch, Masker, length_batches
from components.modeling.scorer import INPUT_SPEC
from components.modeling.training.adamw import AdamW
from components.modeling.training.meter import Meter
from components.modeling.training.schedule import WarmupLinearDecay

if TYPE_CHECKING:
    from components.pretrainer import PretrainerConfig

__all__ = ["Corpus", "MaskedLanguageModel", "PretrainingEpoch", "history"]

_STEPS_BETWEEN_REPORTS = 10
_HEAD_SHARE = 0.1
_HEAD_LEARNING_RATE = 1e-3
_PSEUDO_COUNT = 1.0

_BATCH_SPEC = [INPUT_SPEC, tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.int32)]


@dataclass(frozen=True)
class Corpus:
    """Tokenized texts.

    Attributes:
        rows: token ids of each, int32 [tokens], with [CLS] and [SEP].
        segments: segment ids of each; None where texts stand alone.
    """

    rows: Sequence[NDArray[np.int32]]
    segments: Sequence[NDArray[np.int32]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens by row."""
        return np.array([len(row) for row in self.rows], np.int64)

    def take(self, positions: NDArray[np.int64]) -> "Corpus":
        """Some of the texts."""
        segments = None if self.segments is None else [self.segments[position] for position in positions]
        return Corpus([self.rows[position] for position in positions], segments)


@dataclass(frozen=True)
class PretrainingEpoch:
    """What is known of an epoch at its end.

    Attributes:
        epoch: its number, from 1; 0 is before the encoder was changed.
        loss: mean cross-entropy of hidden tokens while training, nats; None for epoch 0.
        perplexity: e to the mean cross-entropy of the hidden tokens of the held-out texts, the same ones each time.
        examples_per_second: throughput of the steps; None for epoch 0.
    """

    epoch: int
    loss: float | None
    perplexity: float
    examples_per_second: float | None


class MaskedLanguageModel:
    """An encoder in training to say which tokens were hidden.

    Logits are computed for hidden places alone, 15 % of all: the product with the whole vocabulary is what would
    dominate a step otherwise.

    Args:
        backbone: the encoder.
        head_weights: of a published head; None starts a new one, which learns alone before the encoder may change.
        masker: what hides tokens.
        config: the Pretrainer's settings.
        progress: who is told.
    """

    def __init__(
        self,
        backbone: Any,
        *,
        head_weights: dict[str, NDArray[np.float32]] | None,
        masker: Masker,
        config: "PretrainerConfig",
        progress: Progress,
    ) -> None:
        self._backbone = backbone
        self._head_weights = head_weights
        self._masker = masker
        self._config = config
        self._progress = progress

    def run(self, train: Corpus, held_out: Corpus) -> list[PretrainingEpoch]:
        """Trains the backbone in place; what was measured before, and after each epoch.

        Raises:
            StageError: the loss is no longer a number.
        """
        config = self._config
        head = self._make_head(train)
        forward = self._forward(head)
        steps_per_epoch = -(-len(train) // config.batch_size)
        if self._head_weights is None:
            self._teach_head(head, forward, train, math.ceil(_HEAD_SHARE * config.epochs * steps_per_epoch))
        perplexity = _Perplexity(forward, self._held_out_batches(held_out))
        epochs = [PretrainingEpoch(0, None, perplexity.measure(), None)]
        self._tell(epochs[-1])
        variables = [*self._backbone.trainable_variables, *head.trainable_variables]
        total = config.epochs * steps_per_epoch
        step = _step(forward, variables, _optimizer(config, variables, config.learning_rate, total))
        for number in range(1, config.epochs + 1):
            meter = Meter()
            random = np.random.default_rng((config.seed, number))
            for position, rows in enumerate(
                length_batches(train.lengths, config.batch_size, random), start=1
            ):
                batch = self._hide(train.take(rows), random)
                meter.add(step(*_tensors(batch)), examples=len(rows))
                if position % _STEPS_BETWEEN_REPORTS == 0 or position == steps_per_epoch:
                    done = (number - 1) * steps_per_epoch + position
                    self._report(f"epoch {number}/{config.epochs}", meter, done, total)
            reading = meter.total
            epochs.append(
                PretrainingEpoch(number, reading.loss, perplexity.measure(), reading.examples_per_second)
            )
            self._tell(epochs[-1])
        return epochs

    def _make_head(self, train: Corpus) -> MaskedTokenHead:
        """A head that knows, if nothing else, how often each token occurs."""
        rows = embedding_rows(self._backbone)
        counts = np.bincount(np.concatenate(train.rows), minlength=rows).astype(np.float64) + _PSEUDO_COUNT
        bias = np.log(counts / counts.sum()).astype(np.float32)
        policy = self._backbone.dtype_policy
        head = MaskedTokenHead(self._backbone.hidden_dim, bias, dtype=policy, name="masked_tokens")
        if self._head_weights is not None:
            head.load(self._head_weights)
        return head

    def _forward(self, head: MaskedTokenHead) -> Any:
        """(inputs, positions, tokens, training) to the mean cross-entropy of the hidden tokens, float32 []."""
        backbone = self._backbone
        names = (
            list(backbone.input)
            if isinstance(backbone.input, dict)
            else [item.name for item in backbone.inputs]
        )
        embeddings = backbone.token_embedding.embeddings

        def loss(inputs: Any, positions: tf.Tensor, tokens: tf.Tensor, *, training: bool) -> tf.Tensor:
            encoded = backbone({name: inputs[name] for name in names}, training=training)
            sequence = encoded["sequence_output"] if isinstance(encoded, dict) else encoded
            vectors = tf.gather(tf.reshape(sequence, [-1, sequence.shape[-1]]), positions)
            logits = head(vectors, embeddings)
            return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits))

        return loss

    def _teach_head(self, head: MaskedTokenHead, forward: Any, train: Corpus, steps: int) -> None:
        """The first gradients of a random head would undo what the encoder knows."""
        variables = list(head.trainable_variables)
        step = _step(forward, variables, _optimizer(self._config, variables, _HEAD_LEARNING_RATE, steps))
        random = np.random.default_rng((self._config.seed, 0))
        meter, done = Meter(), 0
        while done < steps:
            for rows in length_batches(train.lengths, self._config.batch_size, random):
                batch = self._hide(train.take(rows), random)
                meter.add(step(*_tensors(batch)), examples=len(rows))
                done += 1
                if done % _STEPS_BETWEEN_REPORTS == 0 or done == steps:
                    self._report("a new head for hidden tokens", meter, done, steps)
                if done == steps:
                    break

    def _held_out_batches(self, held_out: Corpus) -> list[MaskedBatch]:
        """Texts of like length together, with the same tokens hidden whenever they are asked for."""
        random = np.random.default_rng(self._config.seed)
        order = np.argsort(held_out.lengths, kind="stable")
        size = self._config.batch_size
        return [
            self._hide(held_out.take(order[start : start + size]), random)
            for start in range(0, len(order), size)
        ]

    def _hide(self, texts: Corpus, random: np.random.Generator) -> MaskedBatch:
        return self._masker.hide(texts.rows, texts.segments, random)

    def _report(self, what: str, meter: Meter, completed: int, total: int) -> None:
        recent = meter.read()
        if not math.isfinite(recent.loss):
            raise StageError(
                f"{what}, step {completed}: the loss is no longer a number; lower pretrainer.learning_rate (now "
                f"{self._config.learning_rate:g}) or set pretrainer.precision to float32"
            )
        message = f"{what}  loss {recent.loss:.3f}  {recent.examples_per_second:.0f} examples/s"
        self._progress.update(message, completed=completed, total=total)

    def _tell(self, epoch: PretrainingEpoch) -> None:
        if epoch.epoch == 0:
            self._progress.log(f"before: perplexity {epoch.perplexity:.1f}")
            return
        self._progress.log(
            f"epoch {epoch.epoch}/{self._config.epochs}: loss {epoch.loss:.3f}, perplexity {epoch.perplexity:.1f}"
        )


class _Perplexity:
    """Measures how well hidden tokens of texts that are not learnt from are guessed."""

    def __init__(self, forward: Any, batches: Sequence[MaskedBatch]) -> None:
        @tf.function(input_signature=_BATCH_SPEC)
        def loss(inputs: Any, positions: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
            return forward(inputs, positions, tokens, training=False)

        self._loss = loss
        self._batches = batches

    def measure(self) -> float:
        """e to the mean cross-entropy."""
        total = sum(float(self._loss(*_tensors(batch))) * len(batch.tokens) for batch in self._batches)
        return math.exp(min(total / sum(len(batch.tokens) for batch in self._batches), 700))


def history(epochs: Sequence[PretrainingEpoch]) -> dict[str, Any]:
    """The content of `pretraining.json`."""
    return {"epochs": [asdict(epoch) for epoch in epochs]}


def _tensors(batch: MaskedBatch) -> tuple[Any, Any, Any]:
    return dict(batch.inputs), batch.positions, batch.tokens


def _optimizer(config: "PretrainerConfig", variables: Sequence[Any], peak: float, steps: int) -> AdamW:
    schedule = WarmupLinearDecay(peak=peak, warmup_steps=math.floor(config.warmup * steps), total_steps=steps)
    return AdamW(
        variables, learning_rate=schedule, weight_decay=config.weight_decay, clip_norm=config.clip_norm
    )


def _step(forward: Any, variables: Sequence[keras.Variable], optimizer: AdamW) -> Any:
    """(inputs, positions, tokens) to the loss before the update, float32 []."""
    values = [variable.value for variable in variables]

    @tf.function(input_signature=_BATCH_SPEC)
    def step(inputs: Any, positions: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            loss = forward(inputs, positions, tokens, training=True)
        gradients = tape.gradient(loss, values)
        # The embeddings get rows from the lookup and a whole matrix from the tied output: in sum a whole one.
        optimizer.apply([_dense(gradient) for gradient in gradients])
        return loss

    return step


def _dense(gradient: Any) -> Any:
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
