// Events as AWS's services send them to functions, in the shapes of the Lambda developer guide, to begin an invocation with.

const arn = (service, rest) => `arn:aws:${service}:us-east-1:000000000000:${rest}`;
const TIME = "2026-01-01T12:00:00Z";

export const EVENTS = {
  "Empty object": {},
  "API Gateway HTTP API (2.0)": {
    version: "2.0",
    routeKey: "POST /items",
    rawPath: "/items",
    rawQueryString: "dry=true",
    headers: { "content-type": "application/json", host: "example.execute-api.us-east-1.amazonaws.com" },
    queryStringParameters: { dry: "true" },
    requestContext: {
      accountId: "000000000000",
      apiId: "example",
      domainName: "example.execute-api.us-east-1.amazonaws.com",
      domainPrefix: "example",
      http: { method: "POST", path: "/items", protocol: "HTTP/1.1", sourceIp: "192.0.2.1", userAgent: "curl/8" },
      requestId: "JKJaXmPLvHcESHA=",
      routeKey: "POST /items",
      stage: "$default",
      time: "01/Jan/2026:12:00:00 +0000",
      timeEpoch: 1767268800000,
    },
    body: '{"name": "first"}',
    isBase64Encoded: false,
  },
  "API Gateway REST API (proxy)": {
    resource: "/items",
    path: "/items",
    httpMethod: "POST",
    headers: { "Content-Type": "application/json" },
    multiValueHeaders: { "Content-Type": ["application/json"] },
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: null,
    stageVariables: null,
    requestContext: {
      accountId: "000000000000",
      apiId: "example",
      httpMethod: "POST",
      identity: { sourceIp: "192.0.2.1", userAgent: "curl/8" },
      path: "/prod/items",
      protocol: "HTTP/1.1",
      requestId: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
      resourcePath: "/items",
      stage: "prod",
    },
    body: '{"name": "first"}',
    isBase64Encoded: false,
  },
  "API Gateway WebSocket message": {
    requestContext: { routeKey: "$default", eventType: "MESSAGE", connectionId: "L0SM9cOFvHcCIhw=", apiId: "example", stage: "prod", domainName: "example.execute-api.us-east-1.amazonaws.com", requestId: "L0SM9d", requestTimeEpoch: 1767268800000 },
    body: '{"action": "say", "text": "hello"}',
    isBase64Encoded: false,
  },
  SQS: {
    Records: [
      {
        messageId: "059f36b4-87a3-44ab-83d2-661975830a7d",
        receiptHandle: "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
        body: '{"order": 1}',
        attributes: { ApproximateReceiveCount: "1", SentTimestamp: "1767268800000", SenderId: "AIDAIENQZJOLO23YVJ4VO", ApproximateFirstReceiveTimestamp: "1767268800001" },
        messageAttributes: {},
        md5OfBody: "e4e68fb7bd0e697a0ae8f1bb342846b3",
        eventSource: "aws:sqs",
        eventSourceARN: arn("sqs", "orders"),
        awsRegion: "us-east-1",
      },
    ],
  },
  SNS: {
    Records: [
      {
        EventVersion: "1.0",
        EventSubscriptionArn: arn("sns", "news:21be56ed-a058-49f5-8c98-aedd2564c486"),
        EventSource: "aws:sns",
        Sns: { Type: "Notification", MessageId: "95df01b4-ee98-5cb9-9903-4c221d41eb5e", TopicArn: arn("sns", "news"), Subject: "News", Message: "Something happened.", Timestamp: TIME, SignatureVersion: "1", Signature: "EXAMPLE", SigningCertUrl: "EXAMPLE", UnsubscribeUrl: "EXAMPLE", MessageAttributes: {} },
      },
    ],
  },
  "S3 object created": {
    Records: [
      {
        eventVersion: "2.1",
        eventSource: "aws:s3",
        awsRegion: "us-east-1",
        eventTime: TIME,
        eventName: "ObjectCreated:Put",
        userIdentity: { principalId: "EXAMPLE" },
        requestParameters: { sourceIPAddress: "192.0.2.1" },
        responseElements: { "x-amz-request-id": "EXAMPLE123456789", "x-amz-id-2": "EXAMPLE123" },
        s3: { s3SchemaVersion: "1.0", configurationId: "uploads", bucket: { name: "uploads", ownerIdentity: { principalId: "EXAMPLE" }, arn: "arn:aws:s3:::uploads" }, object: { key: "report.csv", size: 1024, eTag: "0123456789abcdef0123456789abcdef", sequencer: "0A1B2C3D4E5F678901" } },
      },
    ],
  },
  "DynamoDB stream": {
    Records: [
      {
        eventID: "1",
        eventVersion: "1.1",
        eventName: "INSERT",
        eventSource: "aws:dynamodb",
        awsRegion: "us-east-1",
        dynamodb: { ApproximateCreationDateTime: 1767268800, Keys: { id: { S: "1" } }, NewImage: { id: { S: "1" }, name: { S: "first" } }, SequenceNumber: "111", SizeBytes: 26, StreamViewType: "NEW_AND_OLD_IMAGES" },
        eventSourceARN: arn("dynamodb", "table/items/stream/2026-01-01T00:00:00.000"),
      },
    ],
  },
  "EventBridge event": { version: "0", id: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "OrderPlaced", source: "shop.orders", account: "000000000000", time: TIME, region: "us-east-1", resources: [], detail: { order: 1 } },
  "EventBridge schedule (rule)": { version: "0", id: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event", source: "aws.events", account: "000000000000", time: TIME, region: "us-east-1", resources: [arn("events", "rule/every-minute")], detail: {} },
  "EventBridge Scheduler": { version: "0", id: "a1b2c3d4-1111-2222-3333-444455556666", "detail-type": "Scheduled Event", source: "aws.scheduler", account: "000000000000", time: TIME, region: "us-east-1", resources: [arn("scheduler", "schedule/default/nightly")], detail: "{}" },
  Kinesis: {
    Records: [
      {
        kinesis: { kinesisSchemaVersion: "1.0", partitionKey: "1", sequenceNumber: "49590338271490256608559692538361571095921575989136588898", data: "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==", approximateArrivalTimestamp: 1767268800.987 },
        eventSource: "aws:kinesis",
        eventVersion: "1.0",
        eventID: "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
        eventName: "aws:kinesis:record",
        invokeIdentityArn: "arn:aws:iam::000000000000:role/function",
        awsRegion: "us-east-1",
        eventSourceARN: arn("kinesis", "stream/clicks"),
      },
    ],
  },
  "CloudWatch Logs": { awslogs: { data: "H4sIAAAAAAAAA3WPwQqCQBCGX0Xm7EFtK+smZBEUgXoLCdMhFtKV3akI8d0bLYmibvPPN3wz00CJxmQnTO41whwWQRIctmEcB6sQbFC3CjW3XW8kxpOpP+OC22d1Wml1qZkQGtoMsScxaczKN3plG8zlaHIta5KqWsozoTYw3/djzwhpLwivWFGHGpAFe7DL68JlBUk+l7KSN7tCOEJ4M3/qOI49vMHj+zCKdlFqLaU2ZHV2a4Ct/an0/ivdX8oYc1UVX860fQDQiMdxRQEAAA==" } },
  "Application Load Balancer": { requestContext: { elb: { targetGroupArn: arn("elasticloadbalancing", "targetgroup/web/73e2d6bc24d8a067") } }, httpMethod: "GET", path: "/", queryStringParameters: {}, headers: { host: "lb.example.com", "user-agent": "curl/8" }, body: "", isBase64Encoded: false },
  "SES mail received": { Records: [{ eventSource: "aws:ses", eventVersion: "1.0", ses: { mail: { timestamp: TIME, source: "jane@example.com", messageId: "o3vrnil0e2ic28tr", destination: ["in@example.com"], commonHeaders: { from: ["Jane <jane@example.com>"], to: ["in@example.com"], subject: "Hello" } }, receipt: { timestamp: TIME, recipients: ["in@example.com"], action: { type: "Lambda", invocationType: "Event" } } } }] },
  "Cognito pre sign-up": { version: "1", triggerSource: "PreSignUp_SignUp", region: "us-east-1", userPoolId: "us-east-1_example", userName: "jane", callerContext: { awsSdkVersion: "aws-sdk-unknown-unknown", clientId: "example" }, request: { userAttributes: { email: "jane@example.com" }, validationData: null }, response: { autoConfirmUser: false, autoVerifyEmail: false, autoVerifyPhone: false } },
};
