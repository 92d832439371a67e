"""Connect to HOST:PORT and print what happens; for UNTIL seconds try again while nothing answers."""

import os
import socket
import sys
import time

address = os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])
until = time.monotonic() + float(os.environ.get("UNTIL", "0"))
while True:
    try:
        with socket.create_connection(address, timeout=1) as connection:
            found = connection.recv(100).decode()
    except TimeoutError:
        found = "silent"
    except OSError as error:
        found = f"no way: {error.strerror}"
    if found == "hello" or time.monotonic() >= until:
        break
    time.sleep(0.02)
sys.stdout.write(found)
