"""Asks a model server about texts, from a service that needs nothing else of this project; see docs/clients.md.

It works against the embedded server and against TensorFlow Serving, and imports neither TensorFlow nor Keras.
"""

from serving.client.answers import Answer, Prediction
from serving.client.client import AsyncClient, Client
from serving.client.retries import Retries
from serving.client.target import Target

__all__ = ["Answer", "AsyncClient", "Client", "Prediction", "Retries", "Target"]
