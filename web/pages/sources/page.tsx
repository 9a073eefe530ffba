import "./sources.css";
import { useState } from "preact/hooks";
import { readSecrets, type SecretList, type WebhookSecret } from "../../api/secrets.ts";
import { Answer } from "../../parts/answer.tsx";
import { Button } from "../../parts/button.tsx";
import { Code } from "../../parts/code.tsx";
import { Copy } from "../../parts/copy.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { PageHead } from "../../parts/page.tsx";
import { exampleOf, TestMessage, webhookUrl } from "../../parts/test-message.tsx";
import { useResource } from "../../state/resource.ts";
import { sources as t } from "../../text/en/sources.ts";
import { toUtcText } from "../../text/zones.ts";
import { AddSecretDialog } from "./add-secret.tsx";
import { RetireDialog } from "./retire-secret.tsx";
import { Secrets } from "./secrets.tsx";
import { Steps } from "./steps.tsx";

/** A new use of a secret is known to the service some ten seconds later. */
const EVERY_MS = 5_000;
const SKELETON_ROWS = 4;
const HEADER = "X-Signature";
const MASTER_KEY_LINES = 'echo "MASTER_KEY=$(openssl rand -hex 32)" >> .env\nlyftr serve';

export function Page() {
  const list = useResource("secrets", readSecrets, EVERY_MS);
  return (
    <>
      <PageHead title={t.title} />
      <section class="source" aria-labelledby="source-native">
        <Head onSent={list.reload} />
        <Answer of={list} rows={SKELETON_ROWS}>
          {(value) => <SecretsOfSource list={value} onChange={list.reload} />}
        </Answer>
      </section>
    </>
  );
}

function Head({ onSent }: { readonly onSent: () => void }) {
  const [isRecipeOpen, setRecipeOpen] = useState(false);
  const address = webhookUrl("webhook");
  return (
    <>
      <header class="source-head">
        <h2 id="source-native">{t.native}</h2>
        <div class="button-row">
          <TestMessage onSent={onSent} />
          <Button icon="code" onClick={() => setRecipeOpen(true)}>
            {t.recipe}
          </Button>
        </div>
      </header>
      <dl class="source-facts">
        <dt>{t.address}</dt>
        <dd>
          <code>{`POST ${address}`}</code>
          <Copy text={address} label={t.copyAddress} />
        </dd>
        <dt>{t.signature}</dt>
        <dd>
          {t.signatureForm} <code>{HEADER}</code>
        </dd>
      </dl>
      {isRecipeOpen ? <Recipe onClose={() => setRecipeOpen(false)} /> : null}
    </>
  );
}

function Recipe({ onClose }: { readonly onClose: () => void }) {
  const [moment] = useState(() => toUtcText(Math.floor(Date.now() / 1_000) * 1_000));
  return (
    <Dialog title={t.recipeTitle} isWide onClose={onClose}>
      <p>{t.recipeWhy}</p>
      <Code text={exampleOf(moment)} />
    </Dialog>
  );
}

type Open =
  | { readonly kind: "add" }
  | { readonly kind: "retire"; readonly secret: WebhookSecret }
  | undefined;

interface SecretsOfSourceProps {
  readonly list: SecretList;
  readonly onChange: () => void;
}

function SecretsOfSource({ list, onChange }: SecretsOfSourceProps) {
  const [open, setOpen] = useState<Open>(undefined);
  const close = () => setOpen(undefined);
  const { data, master_key_set: canAdd } = list;
  return (
    <>
      <div class="source-head">
        <h3>{t.secrets}</h3>
        {canAdd ? <Button onClick={() => setOpen({ kind: "add" })}>{t.add}</Button> : null}
      </div>
      <p class="lead soft">{t.secretsWhy}</p>
      <Secrets list={list} onRetire={(secret) => setOpen({ kind: "retire", secret })} />
      {canAdd ? <Steps of={data} /> : <NoMasterKey />}
      {open?.kind === "add" ? (
        <AddSecretDialog others={data} onAdded={onChange} onClose={close} />
      ) : null}
      {open?.kind === "retire" ? (
        <RetireDialog of={open.secret} onRetired={onChange} onClose={close} />
      ) : null}
    </>
  );
}

function NoMasterKey() {
  return (
    <section class="no-master-key">
      <h3>{t.noMasterKey}</h3>
      <p>{t.noMasterKeyWhy}</p>
      <Code text={MASTER_KEY_LINES} label={t.copyMasterKey} />
    </section>
  );
}
