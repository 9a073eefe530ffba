import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse, parseAllDocuments } from "yaml";

const PACKAGES = new URL("../../node_modules/", import.meta.url);
const FOLDER = new URL("../../deploy/kubernetes/", import.meta.url);

/** The published schema of each used kind, by its npm package. */
const SCHEMAS: Readonly<Record<string, string>> = {
  "v1 ConfigMap": "kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap",
  "v1 Service": "kubernetes-models/_schemas/IoK8sApiCoreV1Service",
  "apps/v1 Deployment": "kubernetes-models/_schemas/IoK8sApiAppsV1Deployment",
  "apps/v1 StatefulSet": "kubernetes-models/_schemas/IoK8sApiAppsV1StatefulSet",
  "autoscaling/v2 HorizontalPodAutoscaler":
    "kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler",
  "batch/v1 Job": "kubernetes-models/_schemas/IoK8sApiBatchV1Job",
  "networking.k8s.io/v1 Ingress": "kubernetes-models/_schemas/IoK8sApiNetworkingV1Ingress",
  "networking.k8s.io/v1 NetworkPolicy":
    "kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy",
  "policy/v1 PodDisruptionBudget": "kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget",
  "gateway.networking.k8s.io/v1 HTTPRoute":
    "@kubernetes-models/gateway-api/_schemas/IoK8sSigsGatewayApiApisV1HTTPRoute",
  "monitoring.coreos.com/v1 ServiceMonitor":
    "@kubernetes-models/prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1ServiceMonitor",
  "monitoring.coreos.com/v1 PrometheusRule":
    "@kubernetes-models/prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1PrometheusRule",
};

interface Validate {
  (data: unknown): boolean;
  readonly errors?: readonly unknown[] | null;
}

/** The fields of a container that are tested here. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly resources: {
    readonly requests: Readonly<Record<string, string>>;
    readonly limits: Readonly<Record<string, string>>;
  };
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold: number;
}

export interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
  readonly volumes: readonly Readonly<Record<string, unknown>>[];
}

/** An object of Kubernetes. Its content depends on its kind and is checked by schemas and tests. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  // biome-ignore lint/suspicious/noExplicitAny: every kind has another
  readonly spec: any;
  readonly data?: Readonly<Record<string, string>>;
}

/** Every file with objects, by its name below deploy/kubernetes/. */
export function manifestFiles(): readonly string[] {
  return readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml") && !name.endsWith("kustomization.yaml"))
    .sort();
}

export function objectsIn(name: string): readonly KubernetesObject[] {
  return parseAllDocuments(readFileSync(new URL(name, FOLDER), "utf8")).map((document) =>
    document.toJS(),
  );
}

/** The parts of a folder's kustomization that are tested here. */
export function kustomizationOf(folder: string): {
  readonly resources: readonly string[];
  readonly images: readonly { readonly name: string; readonly newTag: string }[];
  readonly configMapGenerator?: readonly {
    readonly name: string;
    readonly literals: readonly string[];
  }[];
} {
  return parse(readFileSync(new URL(`${folder}/kustomization.yaml`, FOLDER), "utf8"));
}

/** The objects that Kustomize, as in kubectl, makes from a folder. */
export async function built(folder: string): Promise<readonly KubernetesObject[]> {
  const { stdout } = await promisify(execFile)("kubectl", [
    "kustomize",
    fileURLToPath(new URL(folder, FOLDER)),
  ]);
  return parseAllDocuments(stdout).map((document) => document.toJS());
}

/**
 * The errors of an object by the published schema, and its unknown fields. A schema must accept
 * unknown fields, and a server drops them with a warning at most: a misspelt
 * `readOnlyRootFileSystem` would be no protection. So this observes which fields the schema reads.
 */
export async function complaintsAbout(object: KubernetesObject): Promise<readonly string[]> {
  const schema = SCHEMAS[`${object.apiVersion} ${object.kind}`];
  if (schema === undefined) return [`${object.apiVersion} ${object.kind}: there is no schema`];
  // By its file: not every package exports its schemas individually.
  const { validate }: { readonly validate: Validate } = await import(
    new URL(`${schema}.js`, PACKAGES).href
  );
  const unread = new Set<string>();
  const valid = validate(watched(object, "", unread));
  return valid
    ? [...unread].map((path) => `${path} is no field`)
    : (validate.errors ?? []).map((e) => JSON.stringify(e));
}

/** The same value, which removes each field that is read from `unread`. */
function watched(value: unknown, path: string, unread: Set<string>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const inside = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, watched(item, `${path}/${key}`, unread)]),
  );
  if (Array.isArray(value)) return Object.values(inside);
  for (const key of Object.keys(value)) unread.add(`${path}/${key}`);
  return new Proxy(inside, {
    get: (target, key) => {
      unread.delete(`${path}/${String(key)}`);
      return Reflect.get(target, key);
    },
  });
}

/** The pod template of an object, if it has one. */
export function podOf(object: KubernetesObject): PodSpec | undefined {
  return object.spec?.template?.spec;
}
