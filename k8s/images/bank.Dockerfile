# The application with `bank` to run it, for where there is no SpinKube:
#   docker build --file k8s/images/bank.Dockerfile --tag IMAGE .
#   docker run --read-only --volume data:/data --publish 3000:3000 IMAGE
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# /data exists, or a volume there would be root's.
RUN make build && k8s/images/rootfs bank /rootfs && mkdir /data

FROM scratch
COPY --from=build /rootfs /
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
WORKDIR /app
ENTRYPOINT ["/bank", "up", "--state-dir", "/data", "--disable-cache"]
CMD ["--listen", "0.0.0.0:3000"]
EXPOSE 3000
