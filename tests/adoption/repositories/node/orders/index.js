const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { DynamoDBDocumentClient, GetCommand, PutCommand } = require("@aws-sdk/lib-dynamodb");
const { respond } = require("./lib/respond");

const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));

exports.handler = async (event) => {
  const id = event.pathParameters.id;
  if (event.requestContext.http.method === "PUT") {
    const order = { id, ...JSON.parse(event.body) };
    await table.send(new PutCommand({ TableName: process.env.TABLE, Item: order }));
    console.log("stored", order);
    return respond(201, order);
  }
  const { Item } = await table.send(new GetCommand({ TableName: process.env.TABLE, Key: { id } }));
  return Item ? respond(200, Item) : respond(404, { message: "Not found" });
};
