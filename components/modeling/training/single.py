"""One training, from the pretrained encoder to trained weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import keras

from components.core.artifacts import Model, PretrainedEncoder
from components.core.errors import EncoderError
from components.core.progress import Progress
from components.modeling.classifier import BackboneConfig, ModelConfig, build_network
from components.modeling.dataset import TokenDataset
from components.modeling.encoder import Encoder, embedding_rows, load_backbone, start_embeddings
from components.modeling.ensembles.ensemble import Trained
from components.modeling.ensembles.seeds import seed_dropout
from components.modeling.heads import Head, initial_logits, output_names
from components.modeling.label_names import encode_label_names, start_from_names
from components.modeling.precision import Policy
from components.modeling.pruning import prune
from components.modeling.training.distribution import Distribution
from components.modeling.training.loop import Training
from components.modeling.training.lora import add_lora
from components.modeling.training.regularization.augmentation import Augmentation
from components.modeling.training.result import Epoch
from components.modeling.training.tracking.tracker import flat_parameters
from components.modeling.training.tracking.training_log import TrainingLog
from components.modeling.training.warm_start import start_from_model
from tflite.host_tokenizer import TokenizerSpec

if TYPE_CHECKING:
    from components.trainer import TrainerConfig

__all__ = ["SingleTraining"]


@dataclass(frozen=True, kw_only=True)
class SingleTraining:
    """Trains from the pretrained weights: the same initial weights, whatever the seed of the training.

    Attributes:
        initial_seed: of the weights that are not pretrained.
        policy: the precision that is trained in.
        heads: what the network answers.
        validation: what the best epoch is chosen and thresholds are tuned on.
        tokenizer: of the data.
        encoder: the one that the vocabulary belongs to.
        added_tokens: rows of the vocabulary that Transform added, and those that each starts from.
        pretrained: what the Pretrainer made of the encoder, if it is there.
        initial: an earlier model whose weights are the start, if there is one.
        logs_dir: where the curves go.
        distribution: the devices that share each step.
        kept_in: where the state is kept for the case of an interruption; None keeps none.
        on_epoch: is told of every epoch at its end; what it raises ends the training.
    """

    initial_seed: int
    policy: Policy
    heads: Sequence[Head]
    validation: TokenDataset
    tokenizer: TokenizerSpec
    encoder: Encoder
    added_tokens: Mapping[int, Sequence[int]]
    pretrained: PretrainedEncoder | None
    initial: Model | None
    logs_dir: Path
    distribution: Distribution
    kept_in: Path | None
    on_epoch: Callable[[Epoch], None] | None = None

    def __call__(
        self, config: "TrainerConfig", train: TokenDataset, progress: Progress, name: str = ""
    ) -> Trained:
        """Trains with the seed of `config` on `train`; curves and state go into directories of that name."""
        progress.update(f"loading {self.encoder.name} ({self.policy})")
        with self.distribution.scope():
            network, float32_network, model_config = self._networks(config, train, progress)
        if config.seed != self.initial_seed:
            seed_dropout(network, config.seed)
        changes = config.regularization.augmentation
        settings = flat_parameters(config.model_dump(mode="json", exclude={"tracking", "encoder"}))
        with TrainingLog(
            self.logs_dir / name,
            config=config.tracking if self.distribution.is_chief else None,
            parameters={"encoder": self.encoder.name, **settings},
            progress=progress,
        ) as log:
            result = Training(
                network=network,
                float32_network=float32_network,
                heads=self.heads,
                train=train,
                validation=self.validation,
                config=config,
                log=log,
                progress=progress,
                augmentation=None if changes is None else Augmentation(changes, self.tokenizer),
                distribution=self.distribution,
                checkpoint_dir=None if self.kept_in is None else self.kept_in / "checkpoints" / name,
                on_epoch=self.on_epoch,
            ).run()
            log.texts(
                float32_network, self.validation, heads=self.heads, vocabulary=self.tokenizer.vocabulary
            )
            log.document("training.json", result.history())
        return Trained(float32_network, model_config, result)

    def _networks(
        self, config: "TrainerConfig", train: TokenDataset, progress: Progress
    ) -> tuple[keras.Model, keras.Model, ModelConfig]:
        """The network to be trained, that to be served (the same if it needs no other form), and their config."""
        keras.utils.set_random_seed(self.initial_seed)
        encoder = self.encoder
        backbone = load_backbone(
            encoder, dtype=self.policy, dropout=config.encoder_dropout, load_weights=self.pretrained is None
        )
        if len(self.tokenizer.vocabulary) > embedding_rows(backbone):
            raise EncoderError(
                f"encoder {encoder.name!r} has changed: {len(self.tokenizer.vocabulary)} vocabulary entries, "
                f"{embedding_rows(backbone)} embeddings; run Transform again"
            )
        if self.pretrained is None:
            start_embeddings(backbone, self.added_tokens)
        else:
            backbone.load_weights(self.pretrained.weights_path)
        if config.pruning is not None:
            backbone = prune(backbone, config.pruning)
        model_config = ModelConfig(
            heads=tuple(self.heads),
            thresholds=(0.0,) * len(output_names(self.heads)),
            max_tokens=self.tokenizer.max_tokens,
            encoder=encoder.name,
            for_tests_only=encoder.for_tests_only,
            backbone=BackboneConfig.of(backbone),
            pooling=config.pooling,
            pooled_segment=_text_segment(self.tokenizer),
            hidden_units=config.hidden_units,
            dropout=config.dropout,
        )
        labels = [label for head in self.heads if head.task != "regression" for label in head.outputs]
        names = encode_label_names(backbone, self.tokenizer, labels, config.label_descriptions)
        start = initial_logits(self.heads, train.targets, train.weights)
        network = build_network(
            model_config,
            backbone=backbone,
            initial_logits=start,
            dropout_samples=config.regularization.dropout_samples,
        )
        start_from_names(network, self.heads, names)
        if self.initial is not None:
            progress.log(start_from_model(network, model_config, self.tokenizer, self.initial))
        if (lora := config.trainable.lora) is not None:
            add_lora(network, lora, top_layers=config.trainable.top_layers)
        is_served = self.policy == "float32" and lora is None
        float32_network = network if is_served else build_network(model_config)
        return network, float32_network, model_config


def _text_segment(tokenizer: TokenizerSpec) -> Literal["first", "second"] | None:
    """Which of two segments is the text; None where it stands alone."""
    if tokenizer.segments == 1:
        return None
    return "first" if tokenizer.context_position == "after" else "second"
