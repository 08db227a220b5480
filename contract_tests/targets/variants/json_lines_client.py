"""An example: makes clients of the JSON Logger as it is told on standard input, line by line."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import grpc
from ni_measurement_plugin_sdk_service.session_management import SessionInitializationBehavior

from session_reference.file_logger import JsonLoggerClient

clients: dict[str, JsonLoggerClient] = {}


def carry_out(order: dict[str, Any]) -> dict[str, Any]:
    """Do what an order says; what comes out is raised."""
    if order["do"] == "remains":
        return {"remains": {"thread": threading.active_count()}}
    name = order["client"]
    if order["do"] == "enter":
        behavior, address = SessionInitializationBehavior[order["behavior"]], order["address"]
        client = JsonLoggerClient(
            order["resource"], behavior, address=address, timeout=order["timeout"]
        )
        clients[name] = client.__enter__()
    elif order["do"] == "exit":
        with clients[name]:
            if order["error"]:
                raise KeyError("body")
    elif order["do"] == "close":
        clients[name].close()
    else:
        clients[name].log_data("voltage", {}, {})
    return {"raised": None}


for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "quit":
        break
    try:
        answer = carry_out(order)
    except KeyError:
        answer = {"raised": "body"}
    except grpc.RpcError as error:
        answer = {"raised": error.code().name, "text": str(error)}
    print(json.dumps({"id": order["id"], **answer}), flush=True)
