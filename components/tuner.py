"""Tuner: looks for better settings of the Trainer, on the data that it will be trained on."""

import json
import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from components.core.artifacts import Hyperparameters, TransformedExamples, TransformGraph, TuningStudy
from components.core.component import Output, Scratch, Summary, component
from components.core.config import Config, InputPath
from components.core.errors import ConfigError
from components.core.progress import NO_PROGRESS, Progress
from components.modeling.tuning.search_space import Range, check_space, grid, values_of, with_values
from components.trainer import TrainerConfig, train
