/** Ways to build the simulated modules wrong. See ../controls.ts. */
export const SIMULATION_CONTROLS = {
  "tail-lost-at-stop": {
    what: "messages that wait when the service stops are neither stored nor answered",
    replacements: [
      {
        file: "ingest/group-commit.ts",
        from: "    while (this.#queue.length > 0) {\n",
        to: "    while (this.#queue.length > 0 && !this.#stopped) {\n",
      },
    ],
  },
  "queue-one-too-long": {
    what: "the queue takes one message more than its limit",
    replacements: [
      {
        file: "ingest/group-commit.ts",
        from: "this.#queue.length >= QUEUE_ROWS_MAX",
        to: "this.#queue.length > QUEUE_ROWS_MAX",
      },
    ],
  },
  "outcome-of-another-message": {
    what: "all messages of a batch are answered with the outcome of the first",
    replacements: [
      {
        file: "ingest/group-commit.ts",
        from: "resolve(outcomes[index] as InsertOutcome)",
        to: "resolve(outcomes[index * 0] as InsertOutcome)",
      },
    ],
  },
  "one-token-too-many": {
    what: "a bucket gives one token more than its burst",
    replacements: [
      {
        file: "ratelimit/rate-limiter.ts",
        from: "  return missingMs + tokenMs(rate) <= capacityMs(rate) + SLACK_MS;\n",
        to: "  return missingMs <= capacityMs(rate) + SLACK_MS;\n",
      },
    ],
  },
  "one-token-too-few": {
    what: "a bucket keeps its last token",
    replacements: [
      {
        file: "ratelimit/rate-limiter.ts",
        from: "  return missingMs + tokenMs(rate) <= capacityMs(rate) + SLACK_MS;\n",
        to: "  return missingMs + tokenMs(rate) * 2 <= capacityMs(rate) + SLACK_MS;\n",
      },
    ],
  },
  "own-tokens-forgotten": {
    what: "what a process admitted without Redis is forgotten when Redis answers again",
    replacements: [
      {
        file: "ratelimit/rate-limiter.ts",
        from: "nowMs + Math.max(ownMs, missingMs)",
        to: "nowMs + missingMs",
      },
    ],
  },
  "cutoff-too-late": {
    what: "messages are deleted a millisecond too early",
    replacements: [
      {
        file: "retention/sweep.ts",
        from: "new Date(clock.now() - days * DAY_MS)",
        to: "new Date(clock.now() - days * DAY_MS + 1)",
      },
    ],
  },
  "clock-checked-only-once": {
    what: "a sweep follows a wall clock that jumps after the check",
    replacements: [
      {
        file: "retention/sweeper.ts",
        from: "const clock = withoutJumps(this.#runtime.clock);",
        to: "const { clock } = this.#runtime; void withoutJumps;",
      },
    ],
  },
  "sweep-without-pause": {
    what: "a sweep leaves the database no time for other work",
    replacements: [
      {
        file: "retention/sweep.ts",
        from: "const PAUSE_SHARE = 0.5;",
        to: "const PAUSE_SHARE = 0.4;",
      },
    ],
  },
  "sweep-without-lease": {
    what: "every process sweeps",
    replacements: [
      {
        file: "retention/sweeper.ts",
        from: "if (!(await store.holdLease(this.#holder, LEASE_SECONDS))) return",
        to: "if (!(await store.holdLease(this.#holder, LEASE_SECONDS)) && !days) return",
      },
    ],
  },
  "cutoff-in-local-time": {
    what: "the age of messages is counted in the local time of the machine",
    replacements: [
      {
        file: "retention/sweep.ts",
        from: "new Date(clock.now() - days * DAY_MS)",
        to: "new Date(clock.now() - days * DAY_MS - new Date().getTimezoneOffset() * 60_000)",
      },
    ],
  },
  "sheds-during-a-burst": {
    what: "load is shed before a burst could pass by itself",
    replacements: [
      {
        file: "http/admission-control.ts",
        from: "const BURST_MS = 500;",
        to: "const BURST_MS = 400;",
      },
    ],
  },
  "never-sheds": {
    what: "a late queue refuses nothing",
    replacements: [
      {
        file: "http/admission-control.ts",
        from: 'if (!this.#queueShare.admits()) return "queue_age";',
        to: "if (!this.#queueShare.admits()) return undefined;",
      },
    ],
  },
  "sheds-for-ever": {
    what: "the share of admitted requests does not grow when the overload has ended",
    replacements: [
      {
        file: "http/admission-control.ts",
        from: "Math.min(1, this.#share * INCREASE_FACTOR)",
        to: "Math.min(this.#share, this.#share * INCREASE_FACTOR)",
      },
    ],
  },
  "refusal-forgotten": {
    what: "a refusal that was held is never sent",
    replacements: [
      {
        file: "http/load-shedder.ts",
        from: "of this.#held.splice(0, count))",
        to: "of this.#held.splice(0, count + 1).slice(0, count))",
      },
    ],
  },
  "ticks-stay-stopped": {
    what: "a request does not continue the ticks that stopped without requests",
    replacements: [
      {
        file: "http/admission-control.ts",
        from: "    this.#wake();\n",
        to: "",
      },
    ],
  },
  "retired-secret-accepted": {
    what: "a retired secret is accepted for ever",
    replacements: [
      {
        file: "secrets/accepted-secrets.ts",
        from: "return retiresAt === null ? undefined : Date.parse(retiresAt);",
        to: "return retiresAt === null ? undefined : undefined;",
      },
    ],
  },
  "end-checked-at-reload-only": {
    what: "a secret that has ended is accepted until the database answers",
    replacements: [
      {
        file: "providers/signature.ts",
        from: "      if (nowMs >= untilMs) continue;\n",
        to: "",
      },
    ],
  },
  "secrets-lost-in-an-outage": {
    what: "the secrets of the database are refused while it does not answer",
    replacements: [
      {
        file: "secrets/webhook-secrets.ts",
        from: "    } catch (error) {\n      this.#warnOnce(",
        to: "    } catch (error) {\n      this.#replace([]);\n      this.#warnOnce(",
      },
    ],
  },
  "secrets-reloaded-too-late": {
    what: "a change of the secrets applies after three seconds",
    replacements: [
      {
        file: "secrets/webhook-secrets.ts",
        from: "const RELOAD_EVERY_MS = 1_000;",
        to: "const RELOAD_EVERY_MS = 3_000;",
      },
    ],
  },
  "uses-lost-at-a-stop": {
    what: "the last uses of secrets are not written when a process stops",
    replacements: [
      {
        file: "secrets/webhook-secrets.ts",
        from: "if (this.#usage.hasUnsaved()) await",
        to: "if (!this.#usage.hasUnsaved()) await",
      },
    ],
  },
  "recorded-too-rarely": {
    what: "a process records too rarely which secrets it accepts",
    replacements: [
      {
        file: "secrets/webhook-secrets.ts",
        from: "const RECORD_EVERY_MS = 18_000;",
        to: "const RECORD_EVERY_MS = 60_000;",
      },
    ],
  },
  "every-replica-pages": {
    what: "replicas send notifications without being the leader",
    replacements: [
      {
        file: "alerts/alerts.ts",
        from: "    const leads = this.#state?.leads === true;\n",
        to: "    const leads = true;\n",
      },
    ],
  },
  "restart-forgets-pages": {
    what: "a process does not read what was sent before it started",
    replacements: [
      {
        file: "alerts/alerts.ts",
        from: "for (const notifier of this.#notifiers) notifier.adopt(state.notices);",
        to: "",
      },
    ],
  },
  "restart-ends-an-alert": {
    what: "a process does not continue the alert of the process before it",
    replacements: [
      {
        file: "alerts/alerts.ts",
        from: "    if (before === undefined) this.#inherit(state);\n    else this.#endInherited(state);\n",
        to: "",
      },
    ],
  },
  "end-told-too-late": {
    what: "the end of an alert is told two minutes after the repair",
    replacements: [
      {
        file: "alerts/hysteresis.ts",
        from: "export const ENDS_AFTER_MS = 40_000;",
        to: "export const ENDS_AFTER_MS = 120_000;",
      },
    ],
  },
};
