/** The columns of a message as the fields of a `StoredMessage`. */
export const MESSAGE = `source, message_id AS "messageId", from_msisdn AS "from", to_msisdn AS "to", ts, text, created_at AS "createdAt"`;
