import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse, parseAllDocuments } from "yaml";

const PACKAGES = new URL("../../node_modules/", import.meta.url);
const FOLDER = new URL("../../deploy/kubernetes/", import.meta.url);

/** Where each kind that is used comes from: the schema that its project publishes, as a package of npm has it. */
const SCHEMAS: Readonly<Record<string, string>> = {
  "v1 ConfigMap": "kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap",
  "v1 Service": "kubernetes-models/_schemas/IoK8sApiCoreV1Service",
  "apps/v1 Deployment": "kubernetes-models/_schemas/IoK8sApiAppsV1Deployment",
  "apps/v1 StatefulSet": "kubernetes-models/_schemas/IoK8sApiAppsV1StatefulSet",
  "autoscaling/v2 HorizontalPodAutoscaler": "kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler",
  "batch/v1 Job": "kubernetes-models/_schemas/IoK8sApiBatchV1Job",
  "networking.k8s.io/v1 Ingress": "kubernetes-models/_schemas/IoK8sApiNetworkingV1Ingress",
  "networking.k8s.io/v1 NetworkPolicy": "kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy",
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

/** A container as far as it is looked at here. */
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
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
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

/** An object of Kubernetes. What is in it differs by its kind; schemas and tests say what it is. */
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
  return parseAllDocuments(readFileSync(new URL(name, FOLDER), "utf8")).map((document) => document.toJS());
}

/** What Kustomize would do with a folder, as far as it is looked at here. */
export function kustomizationOf(folder: string): {
  readonly resources: readonly string[];
  readonly images: readonly { readonly name: string; readonly newTag: string }[];
  readonly configMapGenerator?: readonly { readonly name: string; readonly literals: readonly string[] }[];
} {
  return parse(readFileSync(new URL(`${folder}/kustomization.yaml`, FOLDER), "utf8"));
}

/** What Kustomize, as it is in kubectl, makes of a folder. */
export async function built(folder: string): Promise<readonly KubernetesObject[]> {
  const { stdout } = await promisify(execFile)("kubectl", ["kustomize", fileURLToPath(new URL(folder, FOLDER))]);
  return parseAllDocuments(stdout).map((document) => document.toJS());
}

/**
 * What the published schema finds wrong with an object, and fields that it does not know. It lets those pass, as it must, and a server
 * drops them with a warning at most: a misspelt `readOnlyRootFileSystem` would be no protection. So it is watched which it reads.
 */
export async function complaintsAbout(object: KubernetesObject): Promise<readonly string[]> {
  const schema = SCHEMAS[`${object.apiVersion} ${object.kind}`];
  if (schema === undefined) return [`${object.apiVersion} ${object.kind}: there is no schema`];
  // By its file: not every one of the packages exports its schemas by themselves.
  const { validate }: { readonly validate: Validate } = await import(new URL(`${schema}.js`, PACKAGES).href);
  const unread = new Set<string>();
  const valid = validate(watched(object, "", unread));
  return valid
    ? [...unread].map((path) => `${path} is no field`)
    : (validate.errors ?? []).map((e) => JSON.stringify(e));
}

/** The same value, which strikes out of `unread` each field that is read. */
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

/** The pod that an object of some kind makes, if it makes any. */
export function podOf(object: KubernetesObject): PodSpec | undefined {
  return object.spec?.template?.spec;
}
