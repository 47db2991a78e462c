# The portal in a small image: one static binary, certificates, and a user that owns nothing but its files.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/learnscape ./cmd/learnscape && mkdir -p /out/files

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/learnscape /usr/local/bin/learnscape
COPY --from=build --chown=nonroot:nonroot /out/files /var/lib/learnscape/files
VOLUME /var/lib/learnscape/files
EXPOSE 8080
ENTRYPOINT ["learnscape"]
CMD ["serve"]
