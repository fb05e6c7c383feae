# The images of compose.yaml. `edge`: staticfire, MiniStack and a Lambda runtime, each in its virtual environment.
# `load`: Locust.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS venvs
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY staticfire/toolchain/requirements/ministack.txt staticfire/toolchain/requirements/runtime.txt requirements/cli.txt ./
# A download that breaks off in the middle is no connection error to pip, which tries those again by itself.
# Compiled here: the root file system is read-only later, and a start without .pyc files takes twice as long.
RUN set -e; \
    fill() { python3 -m pip --python /venvs/$1/bin/python install --quiet --no-compile --require-hashes -r $1.txt; }; \
    for name in cli ministack runtime; do \
      python3 -m venv --without-pip /venvs/$name; \
      fill $name || fill $name || fill $name; \
      /venvs/$name/bin/python -m compileall -q -j 0 /venvs/$name/lib; \
    done
COPY staticfire /opt/staticfire/staticfire
RUN /venvs/cli/bin/python -m compileall -q -j 0 /opt/staticfire

FROM ${PYTHON_IMAGE} AS edge
# tini reaps what functions leave behind.
RUN apt-get update -qq && apt-get install -yqq --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /state --shell /usr/sbin/nologin staticfire \
 && mkdir /state /project && chown staticfire:staticfire /state
COPY --from=venvs /venvs/cli /venvs/cli
COPY --from=venvs /venvs/ministack /venvs/ministack
# Not in /opt: a function sees its runtime's virtual environment at its own path, and in /opt its layers alone.
COPY --from=venvs /venvs/runtime /venvs/runtime
COPY --from=venvs /opt/staticfire /opt/staticfire
COPY docker /opt/staticfire/docker
ENV PATH=/venvs/cli/bin:$PATH PYTHONPATH=/opt/staticfire HOME=/state PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER staticfire
WORKDIR /project
ENTRYPOINT ["tini", "--"]

FROM ${PYTHON_IMAGE} AS load
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements/load.txt /build/
RUN python3 -m venv --without-pip /venvs/load \
 && python3 -m pip --python /venvs/load/bin/python install --quiet --require-hashes -r /build/load.txt \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin staticfire
ENV PATH=/venvs/load/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
# What Locust files import: staticfire.load.kit.
COPY staticfire /opt/staticfire/staticfire
ENV PYTHONPATH=/opt/staticfire
USER staticfire
WORKDIR /project
ENTRYPOINT ["locust"]
