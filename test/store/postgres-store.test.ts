import { PostgresStore } from "../../src/store/postgres/postgres-store.ts";
import { freshDatabase } from "../support/postgres.ts";
import { exerciseStore } from "./exercise.ts";

const OPTIONS = { connectionsMax: 6, migrate: true, allowWeakDurability: false, random: Math.random };

exerciseStore("postgres", async () => {
  const database = await freshDatabase();
  return { open: () => PostgresStore.open(database.url, OPTIONS), remove: () => database.drop() };
});
