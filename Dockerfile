# The image of Lyftr: the compiled service, its runtime dependencies and nothing else.

FROM node:26.10.0-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The development dependency `node` brings a runtime by its install script; the image has one already.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json tsconfig.client.json ./
COPY scripts/build.ts scripts/web.ts scripts/
COPY client client
COPY web web
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:26.10.0-slim
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY bin bin
# A new named volume takes its owner from here.
RUN mkdir /data && chown node:node /data
# The user `node` of the base image, as a number, so that an orchestrator can see that it is not root.
USER 1000:1000
VOLUME /data
ENV DATABASE_URL=sqlite:////data/app.db HOST=0.0.0.0 PORT=8000 NODE_ENV=production
# SQLite sorts data that does not fit its cache in a file. It reports a folder that it cannot write
# to as an I/O error.
ENV SQLITE_TMPDIR=/data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["node", "/app/bin/lyftr.js", "healthcheck"]
# Without a shell in between SIGTERM reaches the service, which then answers the requests it has
# accepted and ends.
# The young generation of the heap is bounded as in `npm start`; see docs/adr/0010.
ENTRYPOINT ["node", "--max-semi-space-size=8", "--disable-sigusr1", "/app/bin/lyftr.js"]
CMD ["serve"]
