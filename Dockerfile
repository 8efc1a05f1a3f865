# syntax=docker/dockerfile:1
# Build: docker build -t ferry .      The last stage is nothing but the static binary.
# On an arm64 node:  docker run --privileged --rm ferry binfmt install   registers it for every container (flag F).
FROM rust:1-bookworm AS build
RUN rustup target add aarch64-unknown-linux-musl
WORKDIR /src
COPY . .
RUN cargo build --release --target aarch64-unknown-linux-musl --package loader

FROM scratch AS run
COPY --from=build /src/target/aarch64-unknown-linux-musl/release/ferry /usr/bin/ferry
ENTRYPOINT ["/usr/bin/ferry"]
CMD ["--help"]
