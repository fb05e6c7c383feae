"""Event source mappings: queues and streams are read, and functions invoked with batches of what is there.

patterns, filters, records, batches, windows   rules, without clock or network
queues, streams                                a queue and a stream of whichever emulator is behind
queue_poller, stream_poller                    batches of a source to whoever takes them (`taking`)
invocation, failures                           a batch for a function, and what becomes of what is given up
validation, operations, service                the API, and the mappings that run
"""
