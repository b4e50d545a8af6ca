"""A tool server (MCP over standard input and output) with a tool that answers and one that never does."""

import json
import sys


def tool(name, description):
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return {"name": name, "description": description, "inputSchema": schema}


TOOLS = [tool("echo", "Repeats a text"), tool("hang", "Never answers")]

for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        about = {"name": "desk", "version": "1"}
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": about}
    elif asked.get("method") == "tools/list":
        result = {"tools": TOOLS}
    elif asked.get("method") == "tools/call" and asked["params"]["name"] == "echo":
        text = asked["params"].get("arguments", {}).get("text", "")
        result = {"content": [{"type": "text", "text": f"the desk says {text}"}]}
    else:
        # A notification, or a call that is never answered.
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
