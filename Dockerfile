# Faden in a container. The root file system may be read-only; what changes is in /data.
#
#   docker build -t faden .
#   docker run --read-only --tmpfs /tmp -v faden:/data -p 127.0.0.1:8080:8080 --env-file faden.env faden
#
# Settings come as FADEN_… variables or as /app/config.toml; docs/operating.md has the rest.

FROM python:3.13-slim-trixie AS build
COPY requirements.lock /app/
RUN python -m venv --without-pip /app/.venv \
 && pip --python /app/.venv/bin/python install --no-cache-dir --only-binary :all: --no-deps \
        --require-hashes --requirement /app/requirements.lock
COPY bot /app/bot
COPY storage /app/storage
RUN python -m compileall -q /app/bot /app/storage

FROM python:3.13-slim-trixie
RUN groupadd --gid 10001 faden \
 && useradd --uid 10001 --gid faden --home-dir /data --no-create-home --shell /usr/sbin/nologin faden \
 && install --directory --owner faden --group faden --mode 0700 /data
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FADEN_DATABASE__URL=sqlite:////data/faden.sqlite3 \
    FADEN_WEB__HOST=0.0.0.0 \
    FADEN_WEB__PORT=8080
WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['FADEN_WEB__PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "bot"]
CMD ["serve"]
