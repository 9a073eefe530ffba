import { equal } from "node:assert/strict";
import { test } from "node:test";
import { readConfig, redacted } from "../../src/config.ts";
import { withoutSecrets } from "../../src/domain/redacted-url.ts";

test("a URL is shown without its password, wherever and however it is spelt", () => {
  for (const [url, shown] of [
    ["postgres://lyftr:hunter2@db:5432/lyftr", "postgres://lyftr:***@db:5432/lyftr"],
    ["postgres://lyftr:hun@ter:2@db/lyftr", "postgres://lyftr:***@db/lyftr"],
    ["postgres://lyftr:hun?ter#2@db/lyftr", "postgres://lyftr:***@db/lyftr"],
    ["postgres://lyftr@db/lyftr?password=hunter2", "postgres://lyftr@db/lyftr?password=***"],
    [
      "postgres://lyftr@db/lyftr?sslmode=require&PASSWORD=hunter2",
      "postgres://lyftr@db/lyftr?sslmode=require&PASSWORD=***",
    ],
    [
      "postgres://lyftr@db/lyftr?sslpassword=hunter2&sslmode=require",
      "postgres://lyftr@db/lyftr?sslpassword=***&sslmode=require",
    ],
    ["postgres://lyftr@db/lyftr?p%61ssword=hunter2", "postgres://lyftr@db/lyftr?p%61ssword=***"],
    [
      "postgres://lyftr@db/lyftr?%70%61%73%73%77%6f%72%64=hunter2",
      "postgres://lyftr@db/lyftr?%70%61%73%73%77%6f%72%64=***",
    ],
    [
      "postgres://lyftr@db/lyftr?ssl%70assword=hunter%32&a=1",
      "postgres://lyftr@db/lyftr?ssl%70assword=***&a=1",
    ],
    [
      "postgres://lyftr@db/lyftr?pass%2577ord=hunter2",
      "postgres://lyftr@db/lyftr?pass%2577ord=***",
    ],
    ["postgres://lyftr@db/lyftr?pass%77ord%=hunter2", "postgres://lyftr@db/lyftr?pass%77ord%=***"],
    ["postgres://lyftr@db/lyftr?%20password=hunter2", "postgres://lyftr@db/lyftr?%20password=***"],
    ["postgres://lyftr%3Ahunter2@db/lyftr", "postgres://lyftr%3A***@db/lyftr"],
    ["postgres://lyftr@db/lyftr?password%3Dhunter2&a=1", "postgres://lyftr@db/lyftr?***&a=1"],
    ["postgres://lyftr@db/lyftr?a=1&p%61ssword%3dhunter2", "postgres://lyftr@db/lyftr?a=1&***"],
    [
      "postgres://lyftr@db/lyftr?options=-c%20password%3Dhunter2",
      "postgres://lyftr@db/lyftr?options=***",
    ],
    [
      "postgres://lyftr@db/lyftr?options=-c%20statement_timeout%3D5s",
      "postgres://lyftr@db/lyftr?options=-c%20statement_timeout%3D5s",
    ],
    ["postgres://lyftr@db/lyftr?pw=hunter2", "postgres://lyftr@db/lyftr?pw=***"],
    ["service.name=inbox,password=hunter2", "service.name=***"],
    ["password=hunter2", "password=***"],
    ["redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"],
    ["rediss://user:@cache:6379/0", "rediss://user:***@cache:6379/0"],
    [
      "https://events.example/v2?routing_key=hunter2&x=1",
      "https://events.example/v2?routing_key=***&x=***",
    ],
    ["https://collector.example/?token=hunter2", "https://collector.example/?token=***"],
    ["sqlite:///./a:b@c.db", "sqlite:///./a:b@c.db"],
    ["https://a.example,https://b.example:8443", "https://a.example,https://b.example:8443"],
    [
      "postgres://lyftr@db/lyftr?sslmode=verify-full&sslkey=/k.pem",
      "postgres://lyftr@db/lyftr?sslmode=verify-full&sslkey=/k.pem",
    ],
  ] as const)
    equal(withoutSecrets(url), shown, url);
});

test("of the URL of a service no value is shown, whatever its name, and no long part of the path", () => {
  for (const [url, shown] of [
    ["https://a.example/in?key=hunter2", "https://a.example/in?key=***"],
    ["https://a.example/in?code=hunter2&v=1#hunter2", "https://a.example/in?code=***&v=***#***"],
    ["https://a.example?hunter2", "https://a.example?***"],
    ["http://a.example/?x=1&hunter2;y=hunter2=2", "http://a.example/?x=***&***;y=***"],
    ["https://a.example/in#auth=hunter2", "https://a.example/in#auth=***"],
    ["https://a.example/in?a=1?hunter2", "https://a.example/in?a=***?***"],
    [`https://a.example/in/${"hunter2-".repeat(3)}/v2`, "https://a.example/in/***/v2"],
    ["HTTPS://a.example/v2/enqueue?", "HTTPS://a.example/v2/enqueue?"],
    ["https://events.eu.pagerduty.com/v2/enqueue", "https://events.eu.pagerduty.com/v2/enqueue"],
    ["http://collector:4318/v1/traces", "http://collector:4318/v1/traces"],
    ["redis://hunter2@cache:6379/0", "redis://***@cache:6379/0"],
    ["rediss://user:hunter2@cache/0?db=hunter2", "rediss://user:***@cache/0?db=***"],
    ["redis://cache:6379/0", "redis://cache:6379/0"],
    ["postgres://lyftr@db/lyftr?key=hunter2&a=1", "postgres://lyftr@db/lyftr?key=***&a=1"],
    [
      "https://a.example,https://inside.customers.example:8443",
      "https://a.example,https://inside.customers.example:8443",
    ],
  ] as const)
    equal(withoutSecrets(url), shown, url);
});

test("no variable of the configuration shows a password", () => {
  const shown = redacted(
    readConfig({
      DATABASE_URL: "postgres://lyftr:hunter2@db/lyftr?p%61ssword=hunter2&ssl%70assword=hunter2",
      REDIS_URL: "redis://:hunter2@cache:6379/0?pass%77ord=hunter2",
      WEBHOOK_SECRET: "hunter2 hunter2 hunter2",
      ADMIN_API_KEY: "hunter2-hunter2-hunter2-hunter2-hunter2",
      MASTER_KEY: "hunter2 hunter2 hunter2 hunter2 hunter2",
      ALERT_WEBHOOK_URL: "https://hooks.example/hunter2",
      PAGERDUTY_URL: "https://events.example/?routing_key=hunter2",
    }),
  );
  equal(JSON.stringify(shown).includes("hunter2"), false, JSON.stringify(shown));
});
