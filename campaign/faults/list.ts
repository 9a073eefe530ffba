import type { Fault } from "../fault.ts";
import { access } from "./access.ts";
import { clock } from "./clock.ts";
import { damagedPages } from "./damaged-pages.ts";
import { diskFull } from "./disk-full.ts";
import { erasure } from "./erasure.ts";
import { failOver } from "./fail-over.ts";
import { ioErrors } from "./io-errors.ts";
import { kill, killOnPostgres } from "./kill.ts";
import { locked } from "./locked.ts";
import { log } from "./log.ts";
import { fileDescriptors, slowClients } from "./many-connections.ts";
import { network } from "./network.ts";
import { overload } from "./overload.ts";
import {
  postgresConnections,
  postgresHang,
  postgresReadOnly,
  postgresRestart,
} from "./postgres.ts";
import { postgresDiskFull } from "./postgres-disk-full.ts";
import { redis } from "./redis.ts";
import { rollingRestart } from "./rolling-restart.ts";
import { sigterm } from "./sigterm.ts";
import { slowDisk } from "./slow-disk.ts";
import { tornWal } from "./torn-wal.ts";

/** The faults that happen to a whole service and what it depends on. */
export const SERVICE_FAULTS: readonly Fault[] = [
  kill,
  killOnPostgres,
  ioErrors,
  tornWal,
  damagedPages,
  diskFull,
  slowDisk,
  locked,
  sigterm,
  rollingRestart,
  postgresRestart,
  postgresHang,
  postgresConnections,
  postgresReadOnly,
  postgresDiskFull,
  failOver,
  redis,
  network,
  clock,
  erasure,
  access,
  overload,
  slowClients,
  fileDescriptors,
  log,
];
