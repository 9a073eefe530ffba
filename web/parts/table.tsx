import type { ComponentChildren } from "preact";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Numbers stand at the end of their column. */
  readonly isNumber?: boolean;
  /** A column that a phone leaves out. */
  readonly isWideOnly?: boolean;
  /** A column of buttons, whose title is only for screen readers. */
  readonly isActions?: boolean;
}

interface TableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** On a phone each row is a block, with the titles beside the cells. */
  readonly isStacked?: boolean;
}

/** A table with one row an entry. The caption is for screen readers. */
export function Table<Row>(props: TableProps<Row>) {
  const { caption, columns, rows, keyOf, isStacked = false } = props;
  return (
    <div class="table-scroll">
      <table class={isStacked ? "table stacked" : "table"}>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classOf(column)}>
                {column.isActions ? (
                  <span class="visually-hidden">{column.title}</span>
                ) : (
                  column.title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td key={column.title} class={classOf(column)} data-title={column.title}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function classOf({ isNumber, isWideOnly, isActions }: Column<never>): string {
  return [isNumber && "number", isWideOnly && "wide-only", isActions && "actions"]
    .filter(Boolean)
    .join(" ");
}
