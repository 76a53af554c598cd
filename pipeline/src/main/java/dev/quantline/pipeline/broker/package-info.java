/** The broker's side of the pipeline: the topics it must have, through Kafka's plain admin client. May import {@code event}. */
package dev.quantline.pipeline.broker;
