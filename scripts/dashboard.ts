import { writeFileSync } from "node:fs";
import { dashboardText } from "./dashboard/dashboard.ts";

// Writes the dashboard for Grafana from the tables in dashboard/, in which each entry is a panel. A
// test compares the file with the tables.
writeFileSync(new URL("../deploy/grafana/dashboards/lyftr.json", import.meta.url), dashboardText());
