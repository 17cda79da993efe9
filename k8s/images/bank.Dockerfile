# The application with `bank`, which runs it on clusters without SpinKube:
#   docker build --file k8s/images/bank.Dockerfile --tag IMAGE .
#   docker run --read-only --volume data:/data --publish 127.0.0.1:3000:3000 IMAGE
# BASE has Rust by rustup, make and a C compiler; BANK_COMMIT is the commit that `bank --version` shows.
ARG BASE=rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1
FROM ${BASE} AS build
ARG BANK_COMMIT=
WORKDIR /src
COPY . .
# The folder /data must be in the image: otherwise its volume would belong to root.
RUN make build && k8s/images/rootfs bank /rootfs && mkdir /empty

FROM scratch
COPY --from=build /rootfs /
COPY --from=build --chown=65532:65532 /empty /data
USER 65532:65532
WORKDIR /app
ENTRYPOINT ["/bank", "up", "--state-dir", "/data", "--disable-cache"]
CMD ["--listen", "0.0.0.0:3000"]
EXPOSE 3000
HEALTHCHECK --start-period=60s CMD ["/bank", "health"]
