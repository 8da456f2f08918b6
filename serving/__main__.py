"""`python -m serving --model_base_path=DIR`: see `serving.server`."""

import os
import sys

# Before TensorFlow is imported: otherwise each malformed request leaves lines of its own in the log.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from serving.tensorflow_alone import import_tensorflow

import_tensorflow()

from serving.server import main  # noqa: E402  (what it imports imports TensorFlow)

sys.exit(main())
