# Debian's Prometheus behind the same entry point as prom/prometheus, for machines that cannot pull that image.
ARG BASE
FROM ${BASE}
COPY prometheus /bin/prometheus
RUN install -d -o nobody -g nogroup /prometheus
USER nobody
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]
