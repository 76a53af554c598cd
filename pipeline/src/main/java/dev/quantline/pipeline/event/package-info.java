/**
 * What travels over Kafka: the topics, the events and their CloudEvents form. May import {@code job}; knows neither
 * a Kafka client nor the store.
 */
package dev.quantline.pipeline.event;
