"""A gRPC service of the library `grpcio` (PyPI), with reflection: `shop.Shop` of shop.proto. Prints its port.

`Find` answers with a price, and a note of `count` bytes; its metadata has the metadata `who`, and whether a deadline was set. `nobody` is not
found, `broken` fails the service. `Watch` streams `count` prices, 20 ms apart, and ends with an error for `broken`. `Sleep` takes 5 s.

Arguments: `plain` leaves out reflection, `gzip` compresses answers, `brief` closes each connection after 300 ms (GOAWAY).
"""

import sys
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from grpc_reflection.v1alpha import reflection

PROTO = descriptor_pb2.FileDescriptorProto(name="shop.proto", package="shop", syntax="proto3")
PROTO.dependency.append(timestamp_pb2.DESCRIPTOR.name)
FIELD = descriptor_pb2.FieldDescriptorProto


def add(message, number, name, kind, type_name=None):
    message.field.add(name=name, number=number, type=kind, type_name=type_name, label=FIELD.LABEL_OPTIONAL)


query = PROTO.message_type.add(name="Query")
add(query, 1, "name", FIELD.TYPE_STRING)
add(query, 2, "count", FIELD.TYPE_INT32)
price = PROTO.message_type.add(name="Price")
add(price, 1, "name", FIELD.TYPE_STRING)
add(price, 2, "cents", FIELD.TYPE_INT64)
add(price, 3, "at", FIELD.TYPE_MESSAGE, ".google.protobuf.Timestamp")
add(price, 4, "note", FIELD.TYPE_STRING)
shop = PROTO.service.add(name="Shop")
for method, streams in [("Find", False), ("Watch", True), ("Sleep", False)]:
    shop.method.add(name=method, input_type=".shop.Query", output_type=".shop.Price", server_streaming=streams)
upload = shop.method.add(name="Sum", input_type=".shop.Query", output_type=".shop.Price", client_streaming=True)
pool = descriptor_pool.Default()
pool.AddSerializedFile(PROTO.SerializeToString())
Query = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Query"))
Price = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Price"))


def find(query, context):
    if query.name == "nobody":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such name: nobody — sorry")
    if query.name == "broken":
        context.abort(grpc.StatusCode.UNAVAILABLE, "closed for today")
    sent = dict(context.invocation_metadata())
    context.send_initial_metadata([("who", sent.get("who", "none"))])
    left = context.time_remaining()
    context.set_trailing_metadata([("deadline", "none" if left is None or left > 1e6 else "set")])
    answer = Price(name=query.name, cents=100 + len(query.name), note="x" * query.count)
    answer.at.FromSeconds(1_700_000_000)
    return answer


def watch(query, context):
    for cents in range(query.count):
        time.sleep(0.02)
        yield Price(name=query.name, cents=cents)
    if query.name == "broken":
        context.abort(grpc.StatusCode.DATA_LOSS, "the rest is lost")


def sleep(query, context):
    for _ in range(100):
        time.sleep(0.05)
        if not context.is_active():
            break
    return Price()


def of(handler, call):
    return handler(call, request_deserializer=Query.FromString, response_serializer=Price.SerializeToString)


options = [("grpc.max_connection_age_ms", 300)] if "brief" in sys.argv else []
compression = grpc.Compression.Gzip if "gzip" in sys.argv else None
server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=options, compression=compression)
server.add_generic_rpc_handlers(
    [
        grpc.method_handlers_generic_handler(
            "shop.Shop",
            {
                "Find": of(grpc.unary_unary_rpc_method_handler, find),
                "Watch": of(grpc.unary_stream_rpc_method_handler, watch),
                "Sleep": of(grpc.unary_unary_rpc_method_handler, sleep),
            },
        )
    ]
)
if "plain" not in sys.argv:
    reflection.enable_server_reflection(["shop.Shop", reflection.SERVICE_NAME], server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
