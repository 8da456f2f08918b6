"""The pipeline, read from top to bottom."""

from components.core.artifacts import ExampleAnomalies, Model, ModelBlessing
from components.evaluator import evaluator
from components.example_gen import example_gen
from components.example_validator import example_validator
from components.infra_validator import infra_validator
from components.pretrainer import pretrainer
from components.pusher import pusher
from components.saved_model_exporter import saved_model_exporter
from components.schema_gen import schema_gen
from components.statistics_gen import statistics_gen
from components.tflite_exporter import tflite_exporter
from components.trainer import trainer
from components.transform import transform
from components.tuner import tuner
from pipeline.config import PipelineConfig
from pipeline.graph import BlessedBefore, Graph, LatestBlessed

__all__ = ["build_graph"]


def build_graph(config: PipelineConfig) -> Graph:
    """The stages from source files to a published model, each wired to what it reads and to what may refuse it."""
    graph = Graph()

    generated = graph.add(example_gen, config.example_gen)
    examples = generated["examples"]

    profiled = graph.add(statistics_gen, config.statistics_gen, examples=examples)
    statistics = profiled["statistics"]
    inferred = graph.add(schema_gen, config.schema_gen, statistics=statistics)
    validated = graph.add(
        example_validator,
        config.example_validator,
        statistics=statistics,
        schema=inferred["schema"],
        examples=examples,
        baseline=LatestBlessed(statistics, ExampleAnomalies),
    )

    transformed = graph.add(transform, config.transform, gates=(validated["anomalies"],), examples=examples)
    tokenized = transformed["transformed"]
    tokenizer = transformed["transform_graph"]
    pretrained, hyperparameters = None, None
    if config.pretrainer is not None:
        pretrained = graph.add(
            pretrainer, config.pretrainer, transformed=tokenized, transform_graph=tokenizer
        )["pretrained"]
    if config.tuner is not None:
        hyperparameters = graph.add(
            tuner,
            config.tuner,
            transformed=tokenized,
            transform_graph=tokenizer,
            pretrained=pretrained,
            examples=None if config.tuner.trainer.distillation is None else examples,
        )["hyperparameters"]
    trained = graph.add(
        trainer,
        config.trainer,
        transformed=tokenized,
        transform_graph=tokenizer,
        pretrained=pretrained,
        examples=None if config.trainer.distillation is None else examples,
        hyperparameters=hyperparameters,
        initial=None if config.trainer.warm_start is None else BlessedBefore(tokenized, ModelBlessing, Model),
    )
    model = trained["model"]

    evaluated = graph.add(
        evaluator,
        config.evaluator,
        examples=examples,
        model=model,
        baseline=LatestBlessed(model, ModelBlessing),
    )
    blessed = (evaluated["blessing"],)

    for_serving = graph.add(
        saved_model_exporter,
        config.saved_model_exporter,
        gates=blessed,
        model=model,
        examples=examples,
        evaluation=evaluated["evaluation"],
    )
    for_phones = graph.add(
        tflite_exporter,
        config.tflite_exporter,
        gates=blessed,
        model=model,
        examples=examples if config.tflite_exporter.reads_examples else None,
    )
    saved_model, tflite = for_serving["export"], for_phones["export"]

    proven = graph.add(
        infra_validator,
        config.infra_validator,
        model=model,
        examples=examples,
        saved_model=saved_model,
        tflite=tflite,
    )
    graph.add(
        pusher,
        config.pusher,
        gates=(proven["blessing"],),
        saved_model=saved_model,
        tflite=tflite,
        model=model,
        examples=examples,
        model_blessing=evaluated["blessing"],
        export_blessing=proven["blessing"],
    )
    return graph
