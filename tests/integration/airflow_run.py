"""Runs a DAG file with Airflow's own `dag.test()` and prints the state of the run and of every task, as JSON.

For the interpreter of an environment that has Airflow: `python airflow_run.py DAG_FILE '{"PARAM": "value"}'`.
"""

import json
import runpy
import sys


def main(dag_file: str, params: str) -> None:
    from airflow.sdk import BaseOperator

    tasks = [value for value in runpy.run_path(dag_file).values() if isinstance(value, BaseOperator)]
    run = tasks[0].dag.test(run_conf=json.loads(params))
    states = {instance.task_id: str(instance.state) for instance in run.get_task_instances()}
    print(json.dumps({"state": str(run.state), "tasks": states}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
