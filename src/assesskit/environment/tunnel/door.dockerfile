# The far end of the door: in the pod, where it reaches our services, and nothing else reaches it.
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
WORKDIR /door
COPY carrying.py .
CMD ["python", "carrying.py"]
