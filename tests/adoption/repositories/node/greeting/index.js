import { DynamoDBClient, DescribeTableCommand } from "@aws-sdk/client-dynamodb";
import { greeting } from "./words.js";

const { Table } = await new DynamoDBClient({}).send(new DescribeTableCommand({ TableName: process.env.TABLE }));

export const handler = async () => ({ greeting, table: Table.TableName });
