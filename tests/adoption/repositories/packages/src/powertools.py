from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger(service="packages")
metrics = Metrics(namespace="Packages", service="packages")
app = APIGatewayHttpResolver(enable_validation=True)


@app.get("/double/<number>")
def double(number: int) -> dict[str, int]:
    metrics.add_metric(name="Doubled", unit=MetricUnit.Count, value=1)
    return {"double": 2 * number}


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event, context):
    return app.resolve(event, context)
