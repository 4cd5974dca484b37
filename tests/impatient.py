"""The web server, which waits a second for a head or a body: `python -m tests.impatient`.

Otherwise it waits for half a minute or a whole one. What it does then is the same, and tests need not wait for it.
"""

from tests.unguarded import part

if __name__ == "__main__":
    part("config.rsgi")  # sets Django up, as `web` does
    processes = part("cli.processes")
    processes.HEAD_SECONDS = part("runtime.front").BODY_SECONDS = 1
    processes.web()
