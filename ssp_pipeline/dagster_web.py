"""Dagster's web server on a Unix socket: `python -m ssp_pipeline.dagster_web SOCKET PATH`.

Dagster's own command listens on a port, where everybody on the machine, and every page in a browser on it, could reach
it without a login. A socket in a folder of its owner's is reached through the command centre and by nobody else.

Belongs here: what Dagster's own command does between its options and its server. Does not belong here: definitions.
"""

import sys
from importlib.metadata import version

DEFINITIONS = "ssp_pipeline.definitions"
_STATEMENT_MILLISECONDS, _POOL_RECYCLE_SECONDS, _POOL_OVERFLOW, _POLL_MILLISECONDS = 15_000, 3_600, 20, 2_000
"""The defaults of Dagster's own command."""


def main(socket: str, path: str) -> None:
    """Serve below `path` until a signal comes. DAGSTER_HOME names the instance."""
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import ModuleTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    target = ModuleTarget(module_name=DEFINITIONS, attribute=None, working_directory=None, location_name=None)
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_MILLISECONDS, _POOL_RECYCLE_SECONDS, _POOL_OVERFLOW)
        with WorkspaceProcessContext(
            instance, version=version("dagster-webserver"), read_only=False, workspace_load_target=target
        ) as context:
            app = create_app_from_workspace_process_context(context, path, _POLL_MILLISECONDS)
            uvicorn.run(app, uds=socket, log_level="warning", ws="websockets-sansio")


if __name__ == "__main__":
    main(*sys.argv[1:])
