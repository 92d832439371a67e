"""Answer every connection on PORT with a greeting."""

import os
import socket

with socket.create_server(("127.0.0.1", int(os.environ["PORT"]))) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"hello")
