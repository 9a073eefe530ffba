import { writeFileSync } from "node:fs";
import { dashboardText } from "./dashboard/dashboard.ts";

// Writes the dashboard for Grafana from the tables in dashboard/: one panel is one entry there. A test compares the file with them.
writeFileSync(new URL("../deploy/grafana/dashboards/lyftr.json", import.meta.url), dashboardText());
