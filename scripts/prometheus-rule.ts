import { readFileSync, writeFileSync } from "node:fs";
import { parse, stringify } from "yaml";

// Converts the rules of Prometheus for the Prometheus operator: run `node
// scripts/prometheus-rule.ts` after a change of the rules. A test fails if it was not run.

const root = new URL("../", import.meta.url);
const RULES = "deploy/prometheus/lyftr.rules.yml";
const MANIFEST = "deploy/kubernetes/monitoring/prometheus-rule.yaml";

/** The manifest with the current rules. */
export function prometheusRule(): string {
  const { groups } = parse(readFileSync(new URL(RULES, root), "utf8"));
  const manifest = {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: { name: "lyftr", labels: { "app.kubernetes.io/name": "lyftr" } },
    spec: { groups },
  };
  return `# Generated from ${RULES} by scripts/prometheus-rule.ts; change that one.\n${stringify(manifest, { lineWidth: 0 })}`;
}

if (import.meta.main) writeFileSync(new URL(MANIFEST, root), prometheusRule());
