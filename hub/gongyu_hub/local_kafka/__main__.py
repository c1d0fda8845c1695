"""`python -m gongyu_hub.local_kafka`: fetch and check Kafka's jars now, so that no later start has to."""

from gongyu_hub.local_kafka.jars import bring_jars, default_jar_directory, find_java
from gongyu_schemas.errors import reported

if __name__ == "__main__":
    with reported():
        find_java()
        print(f"kafka: checked jars in {bring_jars(default_jar_directory(), print)}")
