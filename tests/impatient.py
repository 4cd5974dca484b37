"""The web server, which waits a second where it otherwise waits a minute: `python -m tests.impatient`.

What it does then is the same, and tests need not wait for it.
"""

from tests.unguarded import part

if __name__ == "__main__":
    part("config.rsgi")  # sets Django up, as `web` does
    processes = part("cli.processes")
    processes.HEAD_SECONDS = part("runtime.front").BODY_SECONDS = 1
    processes.web()
