import { type ApiKey, revokeKey } from "../../api/keys.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { serviceNow } from "../../state/clock.ts";
import { session } from "../../state/session.ts";
import { say } from "../../state/toast.ts";
import { keys as t } from "../../text/en/keys.ts";
import { fill, fromNow } from "../../text/format.ts";

interface RevokeDialogProps {
  readonly of: ApiKey;
  readonly onRevoked: (id: string) => void;
  readonly onClose: () => void;
}

export function RevokeDialog({ of: { id, name, last_used_at }, ...on }: RevokeDialogProps) {
  const when = last_used_at === null ? undefined : fromNow(Date.parse(last_used_at), serviceNow());
  return (
    <Confirm
      title={fill(t.revokeTitle, { name })}
      typed={name}
      typeLabel={fill(t.typeName, { name })}
      actionText={t.revokeIt}
      warning={session.value?.name === name ? t.revokeOwn : undefined}
      act={() => revokeKey(id)}
      onDone={() => {
        say(fill(t.revoked, { name }));
        on.onRevoked(id);
      }}
      onClose={on.onClose}
    >
      <p>{when === undefined ? t.revokeUnused : fill(t.revokeWhy, { when })}</p>
    </Confirm>
  );
}
