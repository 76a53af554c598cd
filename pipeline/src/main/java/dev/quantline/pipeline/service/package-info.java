/**
 * What makes a stage a service: configuration, the Kafka side of events, retries, topics, and health. The only package
 * of this module that knows CDI and Quarkus; each service adds one class with its channels.
 */
package dev.quantline.pipeline.service;
